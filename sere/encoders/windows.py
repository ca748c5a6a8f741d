"""Where windows lie over a clip that is longer than an encoder can hear at once."""

from itertools import pairwise


def windows(n_frames: int, size: int) -> list[tuple[int, int, int, int]]:
    """Overlapping windows over a long clip, and the frames each of them answers for.

    Neighbours overlap by at least 2/15 of a window (4 s of 30 s) and are cut in the middle of
    their overlap, so that every frame of the result has context on both sides. All windows are
    full: the last one reaches back from the clip's end.

    Parameters
    ----------
    n_frames : int
        Frames of the clip.
    size : int
        Frames of a window.

    Returns
    -------
    list of (start, stop, first, last)
        A window from `start` to `stop`, of which frames `first` to `last` are kept.
    """
    if n_frames <= size:
        return [(0, n_frames, 0, n_frames)]
    hop = size - 2 * (size // 15)
    starts = [*range(0, n_frames - size, hop), n_frames - size]
    cuts = [(start + size + following) // 2 for start, following in pairwise(starts)]
    return [(start, start + size, first, last) for start, first, last in zip(starts, [0, *cuts], [*cuts, n_frames])]
