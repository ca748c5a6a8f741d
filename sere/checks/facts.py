"""What one look at a waveform tells about it: its length, level, band, voice and identity.

These *facts* are not features: nothing learns from them. They are what :mod:`sere.checks.data` needs to know to speak
up about clips that cannot tell an emotion. Reading a clip for them costs a small part of tracking its pitch, and they
are kept in the store beside the other results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np

from sere.audio import HOP, SAMPLE_RATE, AudioError, Clip
from sere.checks.copies import fingerprint
from sere.encoders.experience import samples_digest
from sere.extraction.extract import extract
from sere.tracks.voiced import WINDOW, repetition

#: Changes whenever a fact would.
VERSION = 2
#: Frames of 40 ms that voice and band are judged by, at most; they are spread evenly over the clip.
_LOOKS = 256
#: A frame has a voice where this share of its power repeats and it is at most so far below the loud ones.
_REPEATS = 0.5
_QUIET_DB = 30.0
#: Peak below which a clip is digital silence.
SILENT = 2e-5
#: dB below a clip's peak where nothing is heard any more.
_INAUDIBLE = -90.0
#: Hz between which a telephone hears, and from where it hears nothing.
_PHONE_BAND, _BEYOND = (100, 4000), 4300
#: Stands for 0 in a power or a level.
_NOTHING = 1e-20

COLUMNS = ("seconds", "peak", "offset", "level", "span", "beyond_phone", "voiced", "at_peak")


@dataclass(frozen=True)
class Facts:
    """Facts of n clips, each an array of shape (n,).

    Attributes
    ----------
    seconds : float
    peak : float
        Largest deviation from the clip's mean; full scale is 1.
    offset : float
        Part of the RMS that is a constant, 0..1.
    level : float
        RMS of the loud parts (95th percentile over 20 ms), dB below full scale.
    span : float
        dB from the quiet parts (10th percentile) to the loud.
    beyond_phone : float
        dB by which the power above 4.3 kHz exceeds that below 4 kHz; negative in speech.
    voiced : float
        Share of frames with a voice in them, 0..1.
    at_peak : float
        Share of samples within 1 % of the peak.
    digest : uint64
        By which the same samples are known again, whatever file holds them; see
        :func:`sere.encoders.experience.samples_digest`.
    print : int8, of shape (n, a fingerprint's numbers)
        By which a recording is known again that was re-coded or trimmed; see :mod:`sere.checks.copies`.
    sounding : float
        Seconds from the first to the last loud moment; 0 where there is no fingerprint.
    """

    seconds: np.ndarray
    peak: np.ndarray
    offset: np.ndarray
    level: np.ndarray
    span: np.ndarray
    beyond_phone: np.ndarray
    voiced: np.ndarray
    at_peak: np.ndarray
    digest: np.ndarray
    print: np.ndarray
    sounding: np.ndarray

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def silent(self) -> np.ndarray:
        """Where a clip is digital silence, bool array of shape (n,)."""
        return self.peak < SILENT

    @classmethod
    def of(cls, found: Sequence[dict[str, np.ndarray]]) -> "Facts":
        """Return the facts of clips as :func:`looked_at` found them."""
        columns = np.array([arrays["facts"] for arrays in found]).T
        beside = {name: np.concatenate([arrays[name] for arrays in found]) for name in ("digest", "print", "sounding")}
        return cls(**dict(zip(COLUMNS, columns, strict=True)), **beside)

    @classmethod
    def chain(cls, parts: Sequence["Facts"]) -> "Facts":
        """Return the facts of all parts, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in dataclass_fields(cls)))


def looked_at(
    clips: Sequence[Clip],
    *,
    cache: Any,
    n_jobs: int | None,
    verbose: int,
    unusable: dict[Clip, str] | None = None,
) -> list[dict[str, np.ndarray]] | None:
    """Return what is known of each clip from the store, or look; None where there is nothing.

    Parameters
    ----------
    clips : sequence of Clip
    cache, n_jobs, verbose, unusable
        As in :func:`sere.extraction.extract.extract`. Without `unusable`, one clip that can no longer be read leaves
        all without facts; with it, clips that cannot be used have none.
    """
    options: dict[str, Any] = {"cache": cache, "n_jobs": n_jobs, "verbose": verbose, "label": "looking at clips"}
    try:
        looked = extract(clips, _look, ("facts", VERSION), unusable=unusable, **options)
    except (AudioError, OSError):  # embedded elsewhere or earlier: whoever needs the audio itself says so
        return None
    return [arrays for arrays in looked if arrays is not None] or None


def facts_of(
    clips: Sequence[Clip],
    *,
    cache: Any,
    n_jobs: int | None,
    verbose: int,
    unusable: dict[Clip, str] | None = None,
) -> Facts | None:
    """Return the facts of clips from the store, or read them; None where there are none.

    Parameters
    ----------
    clips, cache, n_jobs, verbose, unusable
        As in :func:`looked_at`.
    """
    options: dict[str, Any] = {"cache": cache, "n_jobs": n_jobs, "verbose": verbose}
    found = looked_at(clips, unusable=unusable, **options)
    return None if found is None else Facts.of(found)


def _look(waves: list[np.ndarray], companions: list[Any]) -> list[dict[str, np.ndarray]]:
    """Return the facts of a batch of waveforms, as the store keeps them."""
    return [_look_at(wave) for wave in waves]


def _look_at(wave: np.ndarray) -> dict[str, np.ndarray]:
    seen, seconds = fingerprint(wave)
    digest = np.array([int(samples_digest(wave), 16)], dtype=np.uint64)
    return {"facts": facts(wave), "digest": digest, "print": seen[None], "sounding": np.array([seconds])}


def is_silent(wave: np.ndarray) -> bool:
    """Return whether a waveform is digital silence."""
    return bool(np.abs(wave - wave.mean(dtype=np.float64)).max() < SILENT)


def facts(wave: np.ndarray) -> np.ndarray:
    """Return one clip's facts in the order of :data:`COLUMNS`, all finite.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32, 16 kHz
    """
    mean = float(wave.mean(dtype=np.float64))
    moving = wave - np.float32(mean)
    peak = float(np.abs(moving).max())
    at_peak = float((np.abs(moving) >= 0.99 * peak).mean()) if peak else 1.0
    # In units of the peak, so that no finite sample overflows.
    moving = moving / np.float32(peak or 1.0)
    block = moving[: len(moving) // HOP * HOP].reshape(-1, HOP) if len(moving) >= HOP else moving[None]
    powers = np.einsum("tn,tn->t", block, block) / block.shape[1]
    levels = 10 * np.log10(powers + _NOTHING)
    low, loud = np.percentile(levels, [10, 95])
    offset = abs(mean) / np.hypot(mean, peak * np.sqrt(powers.mean()) + _NOTHING)
    beyond, voiced = _spectral(moving, loud)
    level = loud + 20 * np.log10(peak + _NOTHING)
    return np.array([len(wave) / SAMPLE_RATE, peak, offset, level, loud - low, beyond, voiced, at_peak])


def _spectral(wave: np.ndarray, loud: float) -> tuple[float, float]:
    """Return dB beyond a telephone's band, and the share of frames with a voice."""
    padded = np.pad(wave, (0, max(0, WINDOW - len(wave))))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    starts = np.unique(np.linspace(0, len(views) - 1, min(_LOOKS, 1 + len(views) // WINDOW)).astype(int))
    frames = views[starts].astype(np.float64)
    windowed = (np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2).sum(0)
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    phone = windowed[(hertz >= _PHONE_BAND[0]) & (hertz <= _PHONE_BAND[1])].sum()
    beyond = 10 * np.log10((windowed[hertz >= _BEYOND].sum() + _NOTHING) / (phone + _NOTHING))
    power = (frames**2).cumsum(axis=1)[:, -1]
    audible = 10 * np.log10(power / WINDOW + _NOTHING) > max(loud - _QUIET_DB, _INAUDIBLE)
    return float(beyond), float(((repetition(frames) > _REPEATS) & audible).mean())
