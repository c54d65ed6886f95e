"""For all tests in Python."""

import signal


def pytest_configure() -> None:
    """Let what the tests start be interrupted, also where they run under `nohup` or as a job.

    There these signals are ignored, which processes inherit. A handler is not inherited.
    """
    for number in signal.SIGINT, signal.SIGHUP:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
