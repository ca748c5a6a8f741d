"""Progress of long work, in one place: a bar on a terminal and in a notebook, a line now and then into a pipe.

tqdm draws the bars, in a notebook with ipywidgets where they are installed and as text where not. A notebook is no
terminal either, so who is looking is found out here and not left to tqdm. What runs into a file or another program gets
no bar, whose strokes would fill it, and no silence, which looks like a hung process.
"""

import sys
import time
import warnings
from types import TracebackType
from typing import Any, Protocol, Self

#: Seconds of work between two lines where there is no screen.
EVERY = 30.0


class Progress(Protocol):
    """What work is counted on: a context manager."""

    n: float

    def update(self, n: float = 1) -> Any:
        """Count `n` more."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any: ...


def progress(
    total: int | None = None,
    desc: str = "",
    unit: str = "it",
    verbose: bool | int = 1,
    bar_format: str | None = None,
    leave: bool = False,
) -> Progress:
    """Return what shows how far work has come.

    Parameters
    ----------
    total : int, optional
        How much there is; unknown when not given.
    desc, unit : str
        What is done, and to what, in the singular.
    verbose : bool or int
        0 shows nothing.
    bar_format : str, optional
        tqdm's, for a bar.
    leave : bool
        Whether a bar stays when the work is done.
    """
    import tqdm.std

    verbose = bool(verbose) and sys.stderr is not None
    if verbose and not _in_notebook() and not _on_terminal():
        return Lines(total, desc, unit)
    kind: Any = tqdm.std.tqdm
    if verbose and _in_notebook():
        with warnings.catch_warnings():  # that ipywidgets are missing: text does, too
            warnings.simplefilter("ignore")
            import tqdm.auto
        kind = tqdm.auto.tqdm
    shown: Progress = kind(
        total=total, desc=desc or None, unit=unit, disable=not verbose, leave=leave, bar_format=bar_format
    )
    return shown


def say(text: str) -> None:
    """Write a line to standard error, above a bar that may be there."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


class Lines:
    """Progress in lines on standard error, none of them before the work has taken half a minute.

    Parameters
    ----------
    total, desc, unit
        As for :func:`progress`.
    """

    def __init__(self, total: int | None, desc: str, unit: str):
        self.total, self.desc, self.unit, self.n = total, desc, unit, 0.0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Count, and say so if nothing was said for a while."""
        self.n += n
        now = time.monotonic()
        if now - self._said < EVERY:
            return
        self._said = now
        of = f"{self.n:.0f}" if self.total is None else f"{self.n:.0f} of {self.total}"
        minutes, seconds = divmod(round(now - self._began), 60)
        print(f"{self.desc or 'progress'}: {of} {self.unit}s, {minutes}:{seconds:02d}", file=sys.stderr, flush=True)


def _in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    return "ipykernel.zmqshell" in sys.modules


def _on_terminal() -> bool:
    return sys.stderr.isatty()
