"""Utterances behave as a sequence and as a table of numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import _safe_indexing

from sere import Utterances
from sere.inputs.reading import as_utterances
from sere.inputs.utterances import Summary, concatenate

N = 7


def made():
    """Seven clips whose every attribute tells their number."""
    numbers = np.arange(N)
    return Utterances(
        clips=[f"clip{i}" for i in numbers],
        speakers=np.array([f"s{i}" for i in numbers], object),
        languages=np.array([f"l{i}" for i in numbers], object),
        dynamics=[np.full((i + 1, 4), i) for i in numbers],
        frames=[np.full((i + 1, 2), i) for i in numbers],
        context=[np.full(3, i) for i in numbers],
        encoders=np.array([f"e{i}" for i in numbers], object),
        pitches=[f"p{i}" for i in numbers],
        pitch_model="tiny",
        pitch_range=(50.0, 800.0),
        summaries={"a": Summary(numbers[:, None] * 1.0, ("x",)), "b": Summary(numbers[:, None] * [2.0, 3], ("y", "z"))},
    )


def numbers_of(utterances):
    """The numbers of the clips, the same by every attribute."""
    told = {
        "clips": [int(c[4:]) for c in utterances.clips],
        "speakers": [int(s[1:]) for s in utterances.speakers],
        "languages": [int(s[1:]) for s in utterances.languages],
        "encoders": [int(s[1:]) for s in utterances.encoders],
        "pitches": [int(s[1:]) for s in utterances.pitches],
        "summary": np.asarray(utterances)[:, 0].astype(int).tolist(),
    }
    told |= {k: [int(v.flat[0]) for v in getattr(utterances, k)] for k in ("dynamics", "frames", "context")}
    (numbers,) = {tuple(v) for v in told.values()}
    return list(numbers)


KEYS = [2, -1, slice(1, 6, 2), [3, 0, 3], np.array([6, 5]), np.arange(N) % 2 == 0, []]


@pytest.mark.parametrize("key", KEYS, ids=map(str, KEYS))
def test_indexing_takes_the_clips_that_numpy_would_take(key):
    assert numbers_of(made()[key]) == np.atleast_1d(np.arange(N)[key]).tolist()


@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=12))
def test_scikit_learn_slices_them_like_an_array(rows):
    assert numbers_of(_safe_indexing(made(), rows)) == rows


def test_iteration_gives_one_clip_at_a_time():
    assert [numbers_of(clip) for clip in made()] == [[i] for i in range(N)]


def test_the_array_is_all_summaries_side_by_side():
    utterances = made()
    np.testing.assert_array_equal(np.asarray(utterances), np.arange(N)[:, None] * [1.0, 2, 3])
    assert np.asarray(utterances, dtype=np.float32).dtype == np.float32
    assert utterances.shape == (N, 3)
    assert utterances.ndim == 2
    assert utterances.dtype == np.float64
    assert utterances.feature_names == ["x", "y", "z"]


def test_a_name_that_two_steps_give_is_told_apart_by_the_step():
    columns = np.zeros((N, 1))
    both = made().with_(summaries={"dynamics": Summary(columns, ("f0",)), "embedding": Summary(columns, ("f0",))})
    assert both.feature_names == ["f0", "embedding_f0"]


def test_clips_without_numbers_say_which_step_makes_them(files):
    utterances = as_utterances(files)
    assert utterances.shape == (len(files),)
    assert repr(utterances) == f"Utterances({len(files)} clips, audio only)"
    with pytest.raises(TypeError, match="DynamicFeatureTransformer or HeterogeneousEncoder"):
        np.asarray(utterances)


def test_the_repr_says_what_they_hold():
    assert repr(made()) == "Utterances(7 clips, dynamics, frames, context)"


def test_parts_put_together_are_the_whole():
    whole = made()
    assert numbers_of(concatenate([whole[:3], whole[3:4], whole[4:]])) == list(range(N))
    assert concatenate([whole[:3], whole[3:]]).pitch_model == "tiny"
    assert concatenate([whole[:3], whole[3:]]).pitch_range == (50.0, 800.0)


def test_putting_together_keeps_what_all_parts_have():
    whole = made()
    joined = concatenate([whole[:3], whole[3:].with_(frames=None, encoders=None, summaries={}, pitch_model="full")])
    assert joined.frames is None
    assert joined.encoders is None
    assert joined.summaries == {}
    assert joined.pitch_model is None
    assert joined.pitch_range is None
    other = concatenate([whole[:3], whole[3:].with_(pitch_range=(50.0, 400.0))])
    assert (other.pitch_model, other.pitch_range) == (None, None)
    assert [len(d) for d in joined.dynamics] == list(range(1, N + 1))


def test_embedded_clips_slice_as_their_audio_does(source, embed):
    rows = [4, 1, 1]
    part, again = embed(source)[rows], embed(source.iloc[rows])
    np.testing.assert_array_equal(np.asarray(part), np.asarray(again))
    for a, b in zip(part.frames, again.frames, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_frame_of_them_would_lose_nothing(source):
    utterances = as_utterances(source)
    table = pd.DataFrame({"audio": [c.source for c in utterances.clips], "speaker": utterances.speakers})
    assert as_utterances(table).speakers.tolist() == utterances.speakers.tolist()


def test_no_clips_are_an_error_where_clips_are_read(model, files):
    with pytest.raises(ValueError, match="X is empty"):
        model.predict(as_utterances(files)[:0])
