"""Whose line a warning names: the user's, however deep in this library, or in scikit-learn around it, it was found."""

import os
import sys
from pathlib import Path

import sklearn

_LIBRARIES = tuple(f"{place}{os.sep}" for place in (Path(__file__).parent.parent, Path(sklearn.__file__).parent))


def user_level() -> int:
    """Return the `stacklevel`, for a warning of the caller's, of the first frame outside both libraries."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    return level
