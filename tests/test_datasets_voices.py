"""Synthetic voices: reproducible, speech-like, and telling emotions to those who listen."""

import numpy as np
import pytest
from scipy.signal import find_peaks
from sklearn.linear_model import LogisticRegression

from sere.datasets import make_task, make_voices
from sere.datasets.synthesis import SAMPLE_RATE, Sound, Voice, synthesise
from sere.metrics import uar_score

ALL = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


@pytest.fixture(scope="module")
def voices():
    return make_voices(n_per_emotion=20, random_state=0)


def test_voices_are_a_corpus_of_waveforms(voices):
    assert voices.columns.tolist() == [
        "audio",
        "emotion",
        "speaker",
        "language",
        "text",
        "corpus",
    ]
    assert (voices.groupby(["language", "emotion"]).size() == 20).all()
    assert (voices.groupby(["speaker", "emotion"]).size() == 5).all()
    assert voices.groupby("language")["speaker"].nunique().tolist() == [4, 4]
    for wave in voices["audio"]:
        assert wave.ndim == 1
        assert wave.dtype == np.float32
        assert np.isfinite(wave).all()
        assert 0.005 < np.abs(wave).max() < 1


def test_the_seed_decides_every_sample():
    first, again, other = (make_voices(1, random_state=seed) for seed in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first["audio"], again["audio"]))
    assert not any(np.array_equal(a, b) for a, b in zip(first["audio"], other["audio"]))


def test_clips_do_not_depend_on_what_else_is_made():
    whole = make_voices(2, emotions=ALL)
    part = make_voices(2, languages=["tarsk"], emotions=["fear"])
    same = whole[(whole["language"] == "tarsk") & (whole["emotion"] == "fear")]
    assert all((a == b).all() for a, b in zip(same["audio"], part["audio"]))


@pytest.mark.parametrize("duration", [0.8, 1.5, 4.0])
def test_neutral_clips_last_as_long_as_asked(duration):
    clips = make_voices(12, emotions=["neutral"], n_speakers=12, duration=duration)
    for _, part in clips.groupby("language"):
        seconds = np.mean([len(wave) for wave in part["audio"]]) / SAMPLE_RATE
        assert seconds == pytest.approx(duration, rel=0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_per_emotion": 0}, "n_per_emotion is 0"),
        ({"n_speakers": 0}, "n_speakers is 0"),
        ({"duration": 0.1}, "duration is 0.1"),
        ({"languages": "lumo"}, "pass a list"),
        ({"languages": ["lumo", "lumo"]}, "different names"),
        ({"languages": ["klingon"]}, "languages has 'klingon'; known: lumo, tarsk"),
        ({"emotions": ["envy"]}, "emotions has 'envy'; known: anger"),
    ],
)
def test_what_cannot_be_made_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        make_voices(**options)


PLAIN = Voice(tract=1.0, tilt=0.0, jitter=0.0, shimmer=0.0, breath=0.0, gain=0.1)


def spectrum(wave):
    return np.abs(np.fft.rfft(wave * np.hanning(len(wave))))


@pytest.mark.parametrize("f0", [100.0, 180.0, 310.0])
def test_a_steady_vowel_has_harmonics_of_its_f0(f0):
    n = SAMPLE_RATE
    wave = synthesise(
        [Sound(0.0, 1.0, (500, 1500, 2500), 1.0)],
        np.full(n, f0),
        PLAIN,
        np.random.default_rng(0),
    )
    size = spectrum(wave)[:2000]
    peaks, _ = find_peaks(size, height=0.02 * size.max(), distance=int(0.6 * f0))
    assert len(peaks) >= 3
    assert np.abs(peaks / f0 - np.round(peaks / f0)).max() < 2 / f0


@pytest.mark.parametrize("formants", [(300, 2250, 2950), (760, 1300, 2500)])
@pytest.mark.parametrize("tract", [1.0, 1.15])
def test_a_vowel_resonates_at_its_formants(formants, tract):
    rng = np.random.default_rng(0)
    whisper = Voice(tract=tract, tilt=0.0, jitter=0.0, shimmer=0.0, breath=50.0, gain=1e-3)
    wave = synthesise([Sound(0.0, 4.0, formants, 1.0)], np.full(4 * SAMPLE_RATE, 90.0), whisper, rng)
    frames = wave[: len(wave) // 512 * 512].reshape(-1, 512) * np.hanning(512)
    level = 20 * np.log10(np.sqrt((np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)))
    hertz = np.fft.rfftfreq(512, 1 / SAMPLE_RATE)
    peaks, _ = find_peaks(level, prominence=2)
    for formant in formants[:2]:
        assert np.abs(hertz[peaks] - tract * formant).min() < 70


def pooled(wave):
    """Level, height, range and brightness of a clip: what a passer-by would notice."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, 512), 1024)[::320]
    rms = np.sqrt((frames**2).mean(axis=1))
    loud = frames[rms > 0.25 * rms.max()] * np.hanning(1024)
    power = np.abs(np.fft.rfft(loud, 2048)) ** 2
    correlation = np.fft.irfft(power)[:, 25:260]
    pitch = -12 * np.log2((correlation.argmax(axis=1) + 25) / SAMPLE_RATE)
    power = power[:, :1024].reshape(-1, 16, 64).sum(axis=2)
    bands = 10 * np.log10(power[:, [0, 1, 2, 4, 6]] + 1e-9)
    decibel = 20 * np.log10(rms + 1e-5)
    last = pitch[-max(1, len(pitch) // 4) :]
    return np.concatenate(
        [
            [np.median(pitch), np.subtract(*np.quantile(pitch, [0.9, 0.1]))],
            [last.mean() - np.median(pitch), np.abs(np.diff(pitch)).mean()],
            [decibel[rms > 0.25 * rms.max()].mean(), decibel.std(), len(wave) / SAMPLE_RATE],
            np.diff(bands.mean(axis=0)),
        ]
    )


def by_speaker(clips, features):
    scaled = features.copy()
    for speaker in clips["speaker"].unique():
        own = (clips["speaker"] == speaker).to_numpy()
        scaled[own] = (features[own] - features[own].mean(0)) / features[own].std(0)
    return scaled


def test_five_shots_in_one_language_tell_emotions_in_the_other(voices):
    features = by_speaker(voices, np.array([pooled(wave) for wave in voices["audio"]]))
    rows = voices.assign(path=[str(row) for row in range(len(voices))]).drop(columns="audio")
    lumo, tarsk = (rows[rows["language"] == name] for name in ("lumo", "tarsk"))
    scores, broken = [], []
    for seed in range(5):
        for source, target in ((lumo, tarsk), (tarsk, lumo)):
            task = make_task(source, target, random_state=seed)
            shots = features[task.X_labeled["path"].astype(int)]
            tested = features[task.X_test["path"].astype(int)]
            model = LogisticRegression(C=0.1).fit(shots, task.y)
            scores.append(uar_score(task.y_test, model.predict(tested), task.labels))
            shuffled = np.random.default_rng(seed).permutation(tested)
            broken.append(uar_score(task.y_test, model.predict(shuffled), task.labels))
    assert np.mean(scores) > 0.8
    assert np.mean(broken) == pytest.approx(1 / 6, abs=0.05)
