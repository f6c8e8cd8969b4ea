"""Restores signals that a shell makes its background jobs ignore, for tests of signals."""

import signal


def restore() -> None:
    """Restore the default actions of SIGHUP and SIGINT in this process and its children."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a command with & in a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
