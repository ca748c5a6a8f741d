"""Extraction spread over a Dask cluster of two worker processes: the same numbers, the same store."""

import os
import time

import joblib
import numpy as np
import pandas as pd
import pytest

from sere.audio import Clip
from sere.extraction.extract import extract
from sere.store import FrameStore

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class WhereAndWhat:
    """Sums waveforms and says which process did."""

    def __call__(self, waves, companions):
        time.sleep(0.2)  # long enough that the other worker takes the next batch
        return [{"sum": np.array([wave.sum()]), "process": np.array([os.getpid()])} for wave in waves]


def test_workers_of_a_cluster_compute_and_the_caller_keeps(cluster, tmp_path):
    rng = np.random.default_rng(0)
    clips = [Clip(rng.normal(size=500 + k).astype("f4")) for k in range(80)]
    with joblib.parallel_config("dask"):
        found = extract(clips, WhereAndWhat(), ("sum", 1), cache=tmp_path)
    processes = {int(arrays["process"][0]) for arrays in found}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert [arrays["sum"][0] for arrays in found] == [clip.source.sum() for clip in clips]
    assert FrameStore(tmp_path).info().entries == len(clips)


def test_tracks_and_embeddings_are_those_of_one_process(cluster, source, target, tmp_path):
    from sere import DynamicFeatureTransformer, HeterogeneousEncoder

    clips = pd.concat([source, target], ignore_index=True)

    def embedded(cache):
        followed = DynamicFeatureTransformer(cache=cache).fit_transform(clips)
        return HeterogeneousEncoder(cache=cache).fit_transform(followed)

    with joblib.parallel_config("dask"):
        spread = embedded(tmp_path / "spread")
    alone = embedded(tmp_path / "alone")
    for name in ("dynamics", "frames", "context"):
        for ours, theirs in zip(getattr(spread, name), getattr(alone, name), strict=True):
            np.testing.assert_array_equal(ours, theirs)


class Ending:
    """Sums waveforms; the process that gets a certain clip ends, the first time or every time."""

    def __init__(self, n_samples, marker, every_time):
        self.n_samples, self.marker, self.every_time = n_samples, marker, every_time

    def __call__(self, waves, companions):
        if any(len(wave) == self.n_samples for wave in waves) and (self.every_time or not os.path.exists(self.marker)):
            with open(self.marker, "w"):
                os._exit(1)
        return [{"sum": np.array([wave.sum()])} for wave in waves]


@pytest.mark.parametrize("every_time", [False, True], ids=["once", "every time"])
def test_a_lost_worker_costs_at_most_the_clip_that_ends_it(cluster, tmp_path, every_time, monkeypatch):
    monkeypatch.setattr("sere.extraction.extract.BATCH", 1)
    if every_time:  # Dask would lose three more workers before it says so
        cluster.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    rng = np.random.default_rng(1)
    clips = [Clip(rng.normal(size=700 + k).astype("f4")) for k in range(16)]
    compute = Ending(705, str(tmp_path / "marker"), every_time)
    unusable = {}
    with joblib.parallel_config("dask"):
        found = extract(clips, compute, ("sum", 2), cache=tmp_path / "store", unusable=unusable)
    assert [clips.index(clip) for clip in unusable] == ([5] if every_time else [])
    assert all(arrays is None or arrays["sum"][0] == clip.source.sum() for clip, arrays in zip(clips, found))
    assert FrameStore(tmp_path / "store").info().entries == len(clips) - len(unusable)
