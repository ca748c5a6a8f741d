"""Extraction: once per distinct clip, kept as it goes, in the order asked for, whoever computes it."""

import numpy as np
import pytest
import soundfile

from sere._extract import BATCH, extract, open_store
from sere.audio import AudioError, Clip
from sere.store import FrameStore


class Counting:
    """Sums waveforms and remembers how many it saw."""

    def __init__(self):
        self.seen = 0

    def __call__(self, waves, companions):
        self.seen += len(waves)
        return [{"sum": np.array([wave.sum() + (companions[i] if companions else 0)])} for i, wave in enumerate(waves)]


def waves(n, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=50 + i).astype("f4") for i in range(n)]


def run(clips, compute, cache, params=("sum", 1), **options):
    return [arrays["sum"][0] for arrays in extract(clips, compute, params, cache=cache, **options)]


def test_results_come_in_the_order_of_the_clips(tmp_path):
    clips = waves(2 * BATCH + 3)
    assert run(map_clips(clips), Counting(), tmp_path) == [w.sum() for w in clips]


def map_clips(arrays):
    return [Clip(wave) for wave in arrays]


def test_equal_clips_are_computed_once():
    compute, (a, b) = Counting(), waves(2)
    assert run(map_clips([a, b, a.copy(), a]), compute, None) == [a.sum(), b.sum(), a.sum(), a.sum()]
    assert compute.seen == 2


def test_what_is_kept_is_not_computed_again(tmp_path):
    clips = map_clips(waves(5))
    first, second = Counting(), Counting()
    expected = run(clips, first, tmp_path)
    assert run(clips[::-1], second, tmp_path) == expected[::-1]
    assert (first.seen, second.seen) == (5, 0)


def test_a_file_is_known_by_its_content_not_its_name(tmp_path):
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, waves(1)[0], 16_000)
    compute = Counting()
    run([Clip(str(tmp_path / "a.wav"))], compute, tmp_path / "store")
    run([Clip(str(tmp_path / "b.wav"))], compute, tmp_path / "store")
    assert compute.seen == 1
    soundfile.write(tmp_path / "a.wav", waves(1, seed=1)[0], 16_000)
    run([Clip(str(tmp_path / "a.wav"))], compute, tmp_path / "store")
    assert compute.seen == 2


def test_other_parameters_segments_and_rates_are_other_results(tmp_path):
    wave = np.random.default_rng(0).normal(size=32_000)
    compute = Counting()
    clips = [Clip(wave), Clip(wave, start=0.5), Clip(wave, end=0.5), Clip(wave, sampling_rate=8000)]
    assert len(set(run(clips, compute, tmp_path))) == 4
    run(clips[:1], compute, tmp_path, params=("sum", 2))
    assert compute.seen == 5


def test_nothing_is_kept_without_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SERE_CACHE", str(tmp_path / "own"))
    soundfile.write(tmp_path / "a.wav", waves(1)[0], 16_000)
    clips = [Clip(str(tmp_path / "a.wav")), *map_clips(waves(2))]
    compute = Counting()
    for cache in (False, None):
        run(clips, compute, cache)
    assert compute.seen == 6
    assert not (tmp_path / "own").exists()


def test_a_cache_is_the_users_own_a_folder_or_a_store(tmp_path, monkeypatch):
    monkeypatch.setenv("SERE_CACHE", str(tmp_path / "own"))
    store = FrameStore(tmp_path / "given")
    assert open_store(True).folder == tmp_path / "own"
    assert open_store(str(tmp_path / "named")).folder == tmp_path / "named"
    assert open_store(store) is store
    assert open_store(False) is open_store(None) is None
    monkeypatch.setenv("SERE_CACHE", "off")
    assert open_store(True) is None


def test_unusable_clips_are_all_named_after_the_others_were_kept(tmp_path):
    good = waves(BATCH + 2)
    bad = np.array([0.0, np.nan])
    clips = map_clips([good[0], bad, *good[1:], np.array([np.inf])])
    compute = Counting()
    with pytest.raises(AudioError) as caught:
        run(clips, compute, tmp_path, where="pool")
    assert [row for row, _ in caught.value.problems] == [1, len(clips) - 1]
    assert str(caught.value).startswith("pool[1]: ")
    assert compute.seen == len(good)
    repaired = map_clips([good[0], waves(1, seed=3)[0], *good[1:]])
    run(repaired, compute, tmp_path)
    assert compute.seen == len(good) + 1


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    clips = map_clips(waves(2 * BATCH))

    class Interrupted(Counting):
        def __call__(self, waves, companions):
            if self.seen:
                raise KeyboardInterrupt
            return super().__call__(waves, companions)

    with pytest.raises(KeyboardInterrupt):
        run(clips, Interrupted(), tmp_path)
    rest = Counting()
    run(clips, rest, tmp_path)
    assert rest.seen == BATCH


def test_companions_stay_with_their_clips():
    a, b, c = waves(3)
    clips = map_clips([a, b, a, c])
    assert run(clips, Counting(), None, companions=[10.0, 20.0, 10.0, 30.0]) == [
        a.sum() + 10,
        b.sum() + 20,
        a.sum() + 10,
        c.sum() + 30,
    ]


def total(waves, companions):
    return [{"sum": np.array([wave.sum()])} for wave in waves]


def test_several_workers_give_the_same(tmp_path):
    clips = map_clips(waves(2 * BATCH + 1))
    assert run(clips, total, tmp_path, n_jobs=2) == run(clips, total, None)


def test_no_bar_is_drawn_unless_asked_for(capsys):
    run(map_clips(waves(3)), Counting(), None)
    assert capsys.readouterr().err == ""
