"""One clip, in any form in which a picture may be given it."""

import os
from typing import Any

import numpy as np
import pandas as pd


def one_clip(clip: Any) -> Any:
    """Return a clip as estimators take it: X of length one.

    Parameters
    ----------
    clip : path-like, ndarray of shape (n_samples,), Series, or X of one clip
        A Series is a row of a DataFrame.

    Raises
    ------
    ValueError
        There are several.
    """
    if isinstance(clip, (str, os.PathLike)) or (isinstance(clip, np.ndarray) and clip.ndim == 1):
        return [clip]
    if isinstance(clip, pd.Series) and {"path", "audio"} & set(clip.index):
        return clip.to_frame().T.infer_objects()
    if len(clip) != 1:
        raise ValueError(f"the picture shows one clip, and {len(clip)} were given; pass one, such as X[:1]")
    return clip
