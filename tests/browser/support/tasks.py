"""Tasks for tests: Python sources for a Scheduler's `define`."""

NAP = '''
def nap(seconds):
    """Like time.sleep, which in Pyodide keeps a processor busy."""
    from js import Atomics, Int32Array, SharedArrayBuffer
    Atomics.wait(Int32Array.new(SharedArrayBuffer.new(4)), 0, 0, seconds * 1000)
'''

HOLD = f'''
{NAP}
def hold(*_):
    """Says that it has begun, and does not end."""
    print("begun")
    nap(1e6)
'''

WAIT_AT = '''
def wait_at(gate):
    """Waits at a gate of in_pyodide/gates.py."""
    from js import XMLHttpRequest
    request = XMLHttpRequest.new()
    request.open("GET", gate, False)
    request.send()
'''
