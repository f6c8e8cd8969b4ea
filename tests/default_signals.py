"""Restores signals that a shell makes its background jobs ignore, for tests of signals."""

import signal


def restore() -> None:
    """Give SIGHUP and SIGINT back their usual actions, for this process and those it starts."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a command with & in a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
