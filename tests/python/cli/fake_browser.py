"""A stand-in for a browser: opens no page, but speaks the protocol of the one `penny run` opens.

The "script" that it gets is a JSON list of steps, done in order:

    ["write", stream, text]   send output
    ["read", size]            ask for so much input, and send what comes, in brackets, as output
    ["ask", size]             ask for it, and go on
    ["tell"]                  send, as output, what came: message, archive's names, command line
    ["helper", file]          start a helper process that never ends, and write its number to file
    ["stubborn"]              ignore SIGTERM from now on
    ["trace", text]           send a piece of the trace
    ["traced", dropped]       that was all of it
    ["interrupted"]           wait until the command says that Ctrl-C has come
    ["stopped"]               wait until the command says stop
    ["wrote", path, worker, text]
                              a file was written; text is null where it is not wanted
    ["exit", status]          the script ends
    ["error", message]        the page fails
    ["drop"]                  the connection ends
    ["die", status, words]    the browser ends, with words on its stderr
    ["hang"]                  nothing happens any more
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp


async def main() -> None:
    url = sys.argv[-1]
    session_url = urljoin(url, f"session?{urlsplit(url).query}")
    async with aiohttp.ClientSession() as http, http.ws_connect(session_url) as socket:
        start = await socket.receive_json()
        archive = await socket.receive_bytes()
        for step in json.loads(start["source"]):
            match step:
                case ["write", stream, text]:
                    await send_output(socket, stream, text)
                case ["read", size]:
                    await socket.send_json({"type": "input", "size": size})
                    came = await socket.receive_bytes()
                    await send_output(socket, "stdout", f"[{came.decode()}]")
                case ["ask", size]:
                    await socket.send_json({"type": "input", "size": size})
                case ["tell"]:
                    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
                    told = {"start": start, "names": names, "command": sys.argv}
                    await send_output(socket, "stdout", json.dumps(told))
                case ["helper", file]:
                    helper = subprocess.Popen(["sleep", "1000"])
                    Path(file).write_text(f"{os.getpid()} {helper.pid}")
                case ["stubborn"]:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                case ["trace", text]:
                    await socket.send_json({"type": "trace", "text": text})
                case ["traced", dropped]:
                    await socket.send_json({"type": "traced", "dropped": dropped})
                case ["interrupted"]:
                    assert await socket.receive_json() == {"type": "interrupt"}
                case ["wrote", path, worker, text]:
                    said = {"path": path, "worker": worker, "kept": text is not None}
                    await socket.send_json({"type": "written", **said})
                    if text is not None:
                        await socket.send_bytes(b"\3" + text.encode())
                case ["stopped"]:
                    assert await socket.receive_json() == {"type": "stop"}
                case ["exit", status]:
                    await socket.send_json({"type": "exit", "status": status})
                case ["error", message]:
                    await socket.send_json({"type": "error", "message": message})
                case ["drop"]:
                    await socket.close()
                case ["die", status, words]:
                    print(words, file=sys.stderr, flush=True)
                    os._exit(status)
                case ["hang"]:
                    pass
        await asyncio.Event().wait()


async def send_output(socket: aiohttp.ClientWebSocketResponse, stream: str, text: str) -> None:
    await socket.send_bytes({"stdout": b"\1", "stderr": b"\2"}[stream] + text.encode())


asyncio.run(main())
