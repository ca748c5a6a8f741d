"""Peak memory of one computation among many in the same process.

Linux keeps the largest resident size of a process and forgets it on request (``/proc/self/clear_refs``; proc(5)). Where
that is not possible the largest size of the process so far stands in, which earlier computations may have caused, and
on Windows nothing (NaN).
"""

import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> None:
    """Start the peak anew from what is in memory now."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def peak_megabytes() -> float:
    """Return the largest resident size since `forget_peak`, in MB, libraries included."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 1e6 if sys.platform == "darwin" else largest * 1024 / 1e6
