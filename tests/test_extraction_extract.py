"""Extraction: once per distinct clip, kept as it goes, in the order asked for, whoever computes it."""

import os
import signal
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import soundfile

from sere.audio import AudioError, Clip
from sere.extraction import extract as extraction
from sere.extraction.batches import WorkerDiedError
from sere.extraction.extract import ATTEMPTS, BATCH, extract, open_store
from sere.inputs.reading import as_utterances
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


def test_unusable_clips_may_be_left_out_with_their_reasons():
    good, bad = waves(1)[0], np.array([0.0, np.nan])
    clips, unusable = map_clips([bad, good, bad]), {}
    first, second, third = extract(clips, total, ("sum", 1), cache=None, unusable=unusable)
    assert first is third is None
    assert second["sum"] == good.sum()
    assert list(unusable) == [clips[0], clips[2]]
    assert all("NaN" in why for why in unusable.values())


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


def sound(path, seed):
    """Write a clip of half a second; two seeds give files of one size."""
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 8000), 16_000, subtype="PCM_16")
    return float(soundfile.read(path, dtype="float32")[0].sum())


def test_a_relative_path_means_the_folder_of_now_in_every_worker(tmp_path, monkeypatch):
    expected = {}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        expected[name] = sound(tmp_path / name / "0.wav", ord(name))
    for n_jobs in (2, None):
        for name in ("a", "b"):
            monkeypatch.chdir(tmp_path / name)
            clips = as_utterances(["0.wav"]).clips
            found = run(clips, total, tmp_path / f"store-{n_jobs}", n_jobs=n_jobs)
            assert found == pytest.approx([expected[name]])
    monkeypatch.chdir(tmp_path)
    assert run(clips, total, tmp_path / "store-2") == pytest.approx([expected["b"]])


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "just written"])
@pytest.mark.parametrize("times_kept", [True, False], ids=["times set back", "plain"])
def test_a_file_rewritten_after_it_was_hashed_is_begun_again(tmp_path, monkeypatch, settled, times_kept):
    path = str(tmp_path / "a.wav")
    old, new = sound(path, 1), sound(tmp_path / "b.wav", 2)
    if settled:
        monkeypatch.setattr("sere.store.seals._SETTLED_NS", 0)
        time.sleep(0.02)
    load, done = Clip.load, []

    def rewriting(clip):
        if not done:
            status = os.stat(path)
            done.append(sound(path, 2))
            if times_kept:
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return load(clip)

    monkeypatch.setattr(Clip, "load", rewriting)
    assert run([Clip(path), Clip(path, end=0.25)], total, tmp_path / "store")[0] == pytest.approx(new)
    assert len(done) == 1
    again = Counting()
    sound(path, 1)
    assert run([Clip(path)], again, tmp_path / "store") == pytest.approx([old])
    assert run([Clip(str(tmp_path / "b.wav"))], again, tmp_path / "store") == pytest.approx([new])
    assert again.seen == 1


def test_a_file_that_held_something_else_for_a_moment_is_read_as_what_it_is(tmp_path, monkeypatch):
    path = str(tmp_path / "a.wav")
    old = sound(path, 1)
    content, load, done = Path(path).read_bytes(), Clip.load, []

    def rewriting(clip):
        if done:
            return load(clip)
        done.append(sound(path, 2))
        wave = load(clip)
        Path(path).write_bytes(content)
        return wave

    monkeypatch.setattr(Clip, "load", rewriting)
    assert run([Clip(path)], total, tmp_path / "store") == pytest.approx([old])
    assert FrameStore(tmp_path / "store").info().entries == 1


def test_a_file_that_is_rewritten_all_the_time_is_an_error_of_its_rows(tmp_path, monkeypatch):
    path, good = str(tmp_path / "a.wav"), waves(1)[0]
    sound(path, 0)
    load, seeds = Clip.load, iter(range(1, 100))

    def rewriting(clip):
        if isinstance(clip.source, str):
            sound(path, next(seeds))
        return load(clip)

    monkeypatch.setattr(Clip, "load", rewriting)
    with pytest.raises(AudioError, match="is written to while it is read") as caught:
        run([Clip(good), Clip(path), Clip(path)], total, tmp_path / "store")
    assert [row for row, _ in caught.value.problems] == [1, 2]
    assert next(seeds) <= ATTEMPTS + 1
    assert FrameStore(tmp_path / "store").info().entries == 1


@pytest.mark.parametrize("kept", [True, False], ids=["store", "no store"])
def test_a_file_rewritten_after_its_pitch_was_tracked_is_an_error_of_its_row(tmp_path, kept):
    for name in ("a.wav", "b.wav"):
        sound(tmp_path / name, 1)
    clips = as_utterances([str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]).clips
    store = tmp_path / "store" if kept else None
    pitches = run(clips, total, store, params=("pitch",))
    assert run(clips, Counting(), store, companions=pitches) == run(clips, Counting(), None, companions=pitches)
    sound(tmp_path / "b.wav", 2)
    with pytest.raises(AudioError, match="has changed since its pitch was tracked") as caught:
        run(clips, Counting(), store, companions=pitches)
    assert [row for row, _ in caught.value.problems] == [1]


@pytest.mark.parametrize("moment", ["hash", "load"])
@pytest.mark.parametrize("kept", [True, False], ids=["store", "no store"])
def test_a_file_that_vanishes_is_an_error_of_its_rows(tmp_path, monkeypatch, moment, kept):
    path, good = str(tmp_path / "a.wav"), waves(1)[0]
    sound(path, 0)
    if moment == "hash":
        os.unlink(path)
    else:
        load = Clip.load
        monkeypatch.setattr(Clip, "load", lambda clip: Path(path).unlink(missing_ok=True) or load(clip))
    with pytest.raises(AudioError) as caught:
        run([Clip(path), Clip(good), Clip(path)], total, tmp_path / "store" if kept else None)
    assert [row for row, _ in caught.value.problems] == [0, 2]
    assert all("a.wav" in text for _, text in caught.value.problems)


def test_a_companion_of_other_content_is_another_result(tmp_path):
    (wave,) = map_clips(waves(1))
    first = run([wave], Counting(), tmp_path, companions=[1.0])
    second = run([wave], Counting(), tmp_path, companions=[2.0])
    assert second[0] - first[0] == pytest.approx(1.0)


class Broken:
    """Gives numbers that are not finite for loud clips."""

    def __call__(self, waves, companions):
        return [{"sum": np.array([wave.sum()]), "frames": np.log(2 - np.abs(wave).clip(max=2))} for wave in waves]


def test_numbers_that_are_not_finite_are_an_error_of_their_clip_and_not_kept(tmp_path):
    loud = np.array([0.5, 3.0, -3.0], "f4")
    clips = map_clips([loud, np.array([0.25], "f4"), loud])
    with np.errstate(divide="ignore"), pytest.raises(AudioError, match="the encoder 'x' gave 2 NaN or inf") as caught:
        run(clips, Broken(), tmp_path, maker="the encoder 'x'")
    assert [row for row, _ in caught.value.problems] == [0, 2]
    assert "waveform: " in str(caught.value)
    assert FrameStore(tmp_path).info().entries == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading", "sequential"])
def test_every_backend_computes_the_same(tmp_path, backend):
    arrays = waves(5 * BATCH)
    n_jobs = None if backend == "sequential" else 2
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        assert run(map_clips(arrays), total, tmp_path) == [wave.sum() for wave in arrays]
    assert FrameStore(tmp_path).info().entries == len(arrays)


class Deadly:
    """Ends the process that computes a clip of so many samples; others are written into a diary."""

    def __init__(self, n_samples, diary):
        self.n_samples, self.diary, self.parent = n_samples, str(diary), os.getpid()

    def __call__(self, waves, companions):
        assert os.getpid() != self.parent
        if any(len(wave) in self.n_samples for wave in waves):
            os.kill(os.getpid(), signal.SIGKILL)
        with open(self.diary, "a") as diary:
            diary.writelines(f"{len(wave)}\n" for wave in waves)
        return total(waves, companions)


needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


@needs_posix
def test_a_clip_that_ends_its_worker_is_named_and_all_others_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("sere.extraction.extract.BATCH", 2)
    clips = map_clips(waves(14))
    compute = Deadly({50 + 3}, tmp_path / "diary")
    with pytest.raises(AudioError, match="process that computed the computation died twice") as caught:
        run(clips, compute, tmp_path / "store", n_jobs=2)
    assert [row for row, _ in caught.value.problems] == [3]
    assert FrameStore(tmp_path / "store").info().entries == len(clips) - 1


@needs_posix
def test_workers_that_die_all_the_time_end_the_run_after_what_is_done_was_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("sere.extraction.batches.MAX_DEATHS", 1)
    clips = map_clips(waves(6 * BATCH))
    compute = Deadly(range(50 + 5 * BATCH, 50 + 6 * BATCH), tmp_path / "diary")
    with pytest.raises(WorkerDiedError, match=r"2 times.*what was finished is kept"):
        run(clips, compute, tmp_path / "store", n_jobs=2)
    kept = FrameStore(tmp_path / "store").info().entries
    assert kept >= 3 * BATCH
    rest = Counting()
    run(clips, rest, tmp_path / "store")
    assert rest.seen == len(clips) - kept


def test_a_process_that_holds_its_claims_and_does_nothing_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("sere.store.claims.PATIENCE", 0.1)
    clips = map_clips(waves(3))
    with extraction.Claims(tmp_path) as stopped:
        work = extraction._Work(clips, None, total, ("sum", 1), FrameStore(tmp_path), stopped, "")
        work.identify([0, 1, 2])
        assert all(map(stopped.take, work.keys))
        with pytest.warns(RuntimeWarning, match="at work on the same clips.*computed here, too"):
            assert run(clips, total, tmp_path) == [clip.source.sum() for clip in clips]
