"""From clips to pools: standardised by domain, sorted by encoder."""

import tracemalloc

import numpy as np
import pytest

from sere import Utterances
from sere.training.prepare import Preparation
from sere.training.thinning import thinned


def made(n=8, widths=(3, 2), encoder="e", seed=0, speakers=None, shift=0.0):
    """Random embedded clips of one encoder."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 20, n)
    return Utterances(
        clips=None,
        speakers=np.full(n, None, object) if speakers is None else speakers,
        languages=np.full(n, None, object),
        dynamics=[rng.normal(size=(t, 4)) for t in lengths],
        frames=[rng.normal(shift, 1, (t, widths[1])) for t in lengths],
        context=[rng.normal(shift, 1, widths[0]) for _ in lengths],
        encoders=np.full(n, encoder, object),
    )


def mixed(*parts):
    from sere.inputs.utterances import concatenate

    return concatenate(parts)


def test_frames_are_standardised_by_the_mean_and_sd_of_their_domain():
    near, far = made(seed=1), made(seed=2, shift=9.0)
    preparation = Preparation(4.0, 50.0)
    preparation.learn("near", near)
    preparation.learn("far", far)
    for clips, domain in ((near, "near"), (far, "far")):
        (space,) = preparation.pool(clips, [domain] * 8)[0].spaces
        every = np.concatenate(clips.frames)
        expected = np.clip((every - every.mean(0)) / every.std(0), -4, 4)
        np.testing.assert_allclose(space.frames, expected)
        context = np.array(clips.context)
        np.testing.assert_allclose(space.context, (context - context.mean(0)) / context.std(0))
        np.testing.assert_array_equal(space.changes, np.concatenate(clips.dynamics))
        assert np.diff(space.offsets).tolist() == [len(f) for f in clips.frames]


def test_the_mean_is_taken_over_all_frames_not_the_kept_ones():
    clips = made()
    slow, fast = Preparation(4.0, 5.0), Preparation(4.0, 50.0)
    slow.learn("d", clips)
    fast.learn("d", clips)
    np.testing.assert_array_equal(slow.frames["e"].domains["d"], fast.frames["e"].domains["d"])


def test_speakers_are_standardised_towards_their_own():
    speakers = np.array(["x", "y"] * 4, object)
    clips = made(speakers=speakers)
    preparation = Preparation(0.0, 50.0)
    preparation.learn("d", clips)
    (space,) = preparation.pool(clips, ["d"] * 8)[0].spaces
    context, frames = space.context, np.split(space.frames, space.offsets[1:-1])
    for who in "xy":
        np.testing.assert_allclose(context[speakers == who].mean(0), 0, atol=1e-9)
        own = np.concatenate([f for f, speaker in zip(frames, speakers, strict=True) if speaker == who])
        np.testing.assert_allclose(own.mean(0), 0, atol=1e-9)


def test_clips_are_sorted_by_encoder_and_the_order_tells_where_from():
    a, b = made(3, (3, 2), "a", 1), made(2, (5, 4), "b", 2)
    clips = mixed(a[:1], b[:1], a[1:], b[1:])
    preparation = Preparation(4.0, 50.0)
    preparation.learn("d", clips)
    pool, order = preparation.pool(clips, ["d"] * 5)
    assert preparation.names == ["a", "b"]
    assert [(space.index, len(space)) for space in pool.spaces] == [(0, 3), (1, 2)]
    assert order.tolist() == [0, 2, 3, 1, 4]


def test_an_encoder_that_fit_did_not_see_is_an_error():
    preparation = Preparation(4.0, 50.0)
    preparation.learn("d", made(encoder="a"))
    with pytest.raises(ValueError, match=r"'b' cannot be used: fit saw \['a'\]"):
        preparation.pool(made(encoder="b"), ["d"] * 8)


def test_an_encoder_without_clips_in_a_domain_takes_the_one_it_knows():
    preparation = Preparation(4.0, 50.0)
    preparation.learn("d", made())
    (known,) = preparation.pool(made(), ["d"] * 8)[0].spaces
    (unknown,) = preparation.pool(made(), ["other"] * 8)[0].spaces
    np.testing.assert_array_equal(known.frames, unknown.frames)


def test_one_encoder_with_two_widths_is_an_error():
    preparation = Preparation(4.0, 50.0)
    preparation.learn("d", made(widths=(3, 2)))
    with pytest.raises(ValueError, match=r"differ in width: \[2, 4\] columns"):
        preparation.learn("e", made(widths=(3, 4)))


@pytest.mark.parametrize("rate", [10.0, 50.0])
@pytest.mark.parametrize("precision", [np.float16, np.float32, np.float64])
def test_whole_clips_are_thinned_as_they_are_standardised(rate, precision):
    clips = made(speakers=np.array(["x", "y"] * 4, object))
    clips = clips.with_(frames=[frames.astype(precision) for frames in clips.frames])
    preparation = Preparation(4.0, rate)
    preparation.learn("d", clips)
    (whole,), (thin,) = (preparation.pool(given, ["d"] * 8)[0].spaces for given in (clips, thinned(clips, rate)))
    for name in ("context", "frames", "changes", "offsets"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(thin, name))
    expected = [
        preparation.frames["e"].apply(frames.astype(np.float64), "d", speaker)
        for frames, speaker in zip(thinned(clips, rate).frames, clips.speakers, strict=True)
    ]
    kept = np.result_type(np.float32, precision)
    np.testing.assert_array_equal(whole.frames, np.concatenate(expected).astype(kept))


def test_a_pool_is_standardised_without_a_second_copy_of_it():
    clips = made(400, widths=(1, 200))
    clips = clips.with_(frames=[frames.astype(np.float32) for frames in clips.frames])
    preparation = Preparation(4.0, 10.0)
    preparation.learn("d", clips)
    preparation.pool(clips[:2], ["d"] * 2)  # what is compiled is no part of it
    tracemalloc.start()
    (space,) = preparation.pool(clips, ["d"] * 400)[0].spaces
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1.5 * space.frames.nbytes
