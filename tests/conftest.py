"""What the tests of the estimators share: tiny voices, as waveforms and as files, and a feature store of their own."""

import atexit
import os
import shutil
import tempfile

if "PYTEST_XDIST_WORKER" not in os.environ:  # workers inherit the folder, so that pitch is tracked once
    os.environ["SERE_CACHE"] = tempfile.mkdtemp(prefix="sere-tests-")
    atexit.register(shutil.rmtree, os.environ["SERE_CACHE"], ignore_errors=True)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings

# Nothing is timed in a test: on a busy machine examples take as long as they take.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

EMOTIONS = ("anger", "neutral", "sadness")


@pytest.fixture(scope="session")
def voices():
    """Clips of half a second of two languages, two speakers and three emotions; as `audio`."""
    from sere.datasets import make_voices

    return make_voices(n_per_emotion=6, n_speakers=2, emotions=EMOTIONS, duration=0.5, random_state=0)


@pytest.fixture(scope="session")
def source(voices):
    """The language with labels, classes in turn."""
    clips = voices[voices["language"] == "lumo"].reset_index(drop=True)
    return clips.iloc[np.argsort(np.arange(len(clips)) % 6, kind="stable")].reset_index(drop=True)


@pytest.fixture(scope="session")
def target(voices):
    """The language without."""
    clips = voices[voices["language"] == "tarsk"].reset_index(drop=True)
    return clips.iloc[np.argsort(np.arange(len(clips)) % 6, kind="stable")].reset_index(drop=True)


@pytest.fixture(scope="session")
def shots(source):
    """Two labeled clips of each emotion."""
    return source[:6]


@pytest.fixture(scope="session")
def files(target, tmp_path_factory):
    """The target clips as 32-bit float wav files, which hold the very samples."""
    folder = tmp_path_factory.mktemp("target")
    paths = [str(folder / f"{row:02d}.wav") for row in range(len(target))]
    for path, wave in zip(paths, target["audio"], strict=True):
        soundfile.write(path, wave, 16_000, subtype="FLOAT")
    return paths


@pytest.fixture(scope="session")
def embed():
    """Clips with dynamics and acoustic frames, as the first two steps of a pipeline hand them on."""
    from sere import DynamicFeatureTransformer, HeterogeneousEncoder

    def through(clips):
        return HeterogeneousEncoder().fit_transform(DynamicFeatureTransformer().fit_transform(clips))

    return through


@pytest.fixture(scope="session")
def model(shots, source, target):
    """A classifier fitted on audio with both pools."""
    from sere import SEREClassifier

    return SEREClassifier(epochs=3, random_state=0).fit(shots, shots["emotion"], (source,), (target,))


@pytest.fixture(scope="session")
def embedded(shots, source, target, embed):
    """Shots, their emotions and both pools, embedded."""
    return embed(shots), shots["emotion"], embed(source), embed(target)
