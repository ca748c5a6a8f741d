"""How a command ends other than well: stopped, used wrongly, or with an error in one sentence."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Stop:
    """Ctrl-C and SIGTERM, which stop a command in the same way.

    Attributes
    ----------
    signal : int or None
        Number of the last one that came.
    """

    signal: int | None = None

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Turn both into KeyboardInterrupt; a signal that somebody else handles or ignores is left to them."""

        def stop(number: int, _: object) -> None:
            self.signal = number
            raise KeyboardInterrupt

        usual: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        taken = [number for number, handler in usual.items() if signal.getsignal(number) is handler]
        if threading.current_thread() is not threading.main_thread():
            taken = []
        for number in taken:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, usual[number])


class UsageError(Exception):
    """Arguments that parse but make no sense together."""


def sentence(error: Exception) -> str:
    """Return what an error says, with its type where the text alone would not be understood."""
    text = str(error).strip()
    if isinstance(error, (ValueError, TypeError, OSError, ImportError)) and text:
        return text
    return f"{type(error).__name__}: {text or 'no message'} (--traceback shows where)"
