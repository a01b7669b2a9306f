"""The signals by which a process is asked to end, besides Ctrl-C."""

from __future__ import annotations

import signal

TERMINATIONS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGTERM, and SIGHUP where there is one: of a terminal that is closed."""


def heard() -> list[int]:
    """Those of them that this process was not told to ignore, as nohup does."""
    return [number for number in TERMINATIONS if signal.getsignal(number) is not signal.SIG_IGN]
