"""Instantaneous dynamic features (IDFE): how pitch, loudness and timbre change from frame to frame.

Section II-B of the paper: four static tracks (f0 by CREPE, RMS energy, second MFCC, spectral centroid) are differenced
and each difference is divided by the track's mean absolute change over the clip (Eq. 1). The learnable part, the gate
of Eq. 2 and the intensity of Eq. 3, belongs to :class:`~sere.SEREClassifier`, which trains it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from sere import audio
from sere.encoders.acoustic import semitones
from sere.estimators.transformer import AudioTransformer
from sere.extraction.extract import extract
from sere.inputs.params import ParameterError, Rule, choice, number, resolve_device
from sere.inputs.skipping import only, usable_rows
from sere.inputs.utterances import Summary, Utterances
from sere.loops.threads import workers

TRACKS = ("f0", "rms", "mfcc2", "centroid")
#: Changes when the code changes what is computed.
VERSION = 2
#: Where pitch is looked for unless asked otherwise, and the frequencies that CREPE knows (Hz).
PITCH_RANGE = (50.0, 1000.0)
_HEARD = (32.0, 2006.0)
#: CREPE's periodicity from which a frame counts as voiced.
VOICED = 0.5
#: A normalised change beyond this many times the clip's mean absolute change is a burst.
BURST = 2.0


@dataclass(eq=False, repr=False)
class DynamicFeatureTransformer(AudioTransformer):
    """Instantaneous dynamic features of speech (IDFE, Eq. 1).

    Each clip gets the normalised frame-to-frame changes of four tracks at 50 Hz. Silence, unvoiced stretches, constant
    tracks and clips of one frame give zeros, never NaN; a clip depends on nothing but itself.

    Parameters
    ----------
    pitch_model : {"tiny", "full"}, default="tiny"
        Size of the CREPE network.
    pitch_floor, pitch_ceiling : float, default=50.0, 1000.0
        Lowest and highest pitch looked for (Hz), between 32 and 2006. The defaults hold everyone who speaks; narrow
        them for speakers known to be higher or lower, where noise or a second voice misleads.
    f0_scale : {"semitones", "hz"}, default="semitones"
        Scale on which f0 changes are taken. Semitones, since the same melody moves more Hz in a high voice.
    eps : float, default=1e-6
        Guard of Eq. 1 against division by zero, in units of each track.
    n_jobs, cache, device, verbose, on_error
        As in :class:`~sere.HeterogeneousEncoder`, for tracks in the place of embeddings.

    Attributes
    ----------
    skipped_ : list of dict
        With ``on_error="skip"`` or ``"nan"``, what the last call left out: ``where``, ``row``, ``path``, ``reason``.

    See Also
    --------
    HeterogeneousEncoder : The frame embeddings beside which the dynamics stand.

    Examples
    --------
    >>> import numpy as np
    >>> from sere import DynamicFeatureTransformer
    >>> t = np.arange(16000) / 16000
    >>> glide = np.sin(2 * np.pi * (200 * t + 50 * t**2))
    >>> dynamics = DynamicFeatureTransformer(cache=False).fit_transform([glide])
    >>> dynamics.dynamics[0].shape
    (51, 4)
    """

    _rules: ClassVar[dict[str, Rule]] = {
        "pitch_model": choice("tiny", "full"),
        "pitch_floor": number(*_HEARD),
        "pitch_ceiling": number(*_HEARD),
        "f0_scale": choice("semitones", "hz"),
        "eps": number(above=0),
    }

    pitch_model: Literal["tiny", "full"] = "tiny"
    pitch_floor: float = PITCH_RANGE[0]
    pitch_ceiling: float = PITCH_RANGE[1]
    f0_scale: Literal["semitones", "hz"] = "semitones"
    eps: float = 1e-6

    def _check_params(self, prefix: str = "") -> None:
        super()._check_params(prefix)
        if not self.pitch_floor < self.pitch_ceiling:
            raise ParameterError(
                f"{prefix}pitch_floor={self.pitch_floor!r} Hz must lie below {prefix}pitch_ceiling="
                f"{self.pitch_ceiling!r} Hz"
            )

    def extract(
        self,
        utterances: Utterances,
        where: str = "X",
        summarise: bool = True,
        unusable: dict[audio.Clip, str] | None = None,
    ) -> Utterances:
        """Return the clips with pitch and dynamics; what `transform` does for checked input.

        Parameters
        ----------
        utterances : Utterances with audio
        summarise : bool
            Whether pooled statistics are wanted, for other estimators or for encoders to meet in.
        where, unusable
            As in :meth:`sere.HeterogeneousEncoder.encode`.
        """
        if utterances.clips is None:
            raise TypeError("these Utterances hold feature vectors; dynamics need audio")
        self._check_params()
        heard = (float(self.pitch_floor), float(self.pitch_ceiling))
        found = self.tracks(utterances.clips, where, unusable)
        usable = usable_rows(found)
        if len(usable) < len(found):
            utterances = only(utterances, usable, unusable, where)
        pitches, dynamics, rows = [], [], []
        for arrays in (found[row] for row in usable):
            pitch, tracks = as_pitch(arrays), arrays["tracks"]
            changes = self._changes(tracks, pitch.periodicity >= VOICED)
            pitches.append(pitch)
            dynamics.append(changes)
            if summarise:
                rows.append(_summary(tracks, changes, pitch.periodicity >= VOICED))
        summary = {"dynamics": Summary(np.array(rows), SUMMARY_NAMES)} if summarise else {}
        return utterances.with_(
            pitches=pitches,
            pitch_model=self.pitch_model,
            pitch_range=heard,
            dynamics=dynamics,
            summaries={**utterances.summaries, **summary},
        )

    def tracks(
        self, clips: list[audio.Clip], where: str = "X", unusable: dict[audio.Clip, str] | None = None
    ) -> list[Any]:
        """Return each clip's static tracks and pitch, as :func:`sere.tracks.static_tracks`.

        Parameters
        ----------
        clips : list of Clip
        where, unusable
            As in `extract`.
        """
        options: dict[str, Any] = {name: getattr(self, name) for name in ("cache", "n_jobs", "verbose", "device")}
        heard = (float(self.pitch_floor), float(self.pitch_ceiling))
        return static_tracks(clips, self.pitch_model, heard, where=where, unusable=unusable, **options)

    def _transform(
        self, utterances: Utterances, role: str, unusable: dict[audio.Clip, str] | None = None
    ) -> Utterances:
        return self.extract(utterances, unusable=unusable)

    def _changes(self, tracks: np.ndarray, voiced: np.ndarray) -> np.ndarray:
        """Return Eq. 1 of one clip, (n_frames, 4) float32."""
        from sere.tracks.changes import clip_changes

        return clip_changes(tracks, voiced, self.eps, "log" if self.f0_scale == "semitones" else "hz")


def static_tracks(
    clips: list[audio.Clip],
    pitch_model: str,
    pitch_range: tuple[float, float] = PITCH_RANGE,
    *,
    cache: Any = True,
    n_jobs: int | None = None,
    device: str = "auto",
    verbose: int = 0,
    where: str = "X",
    unusable: dict[audio.Clip, str] | None = None,
) -> list[Any]:
    """Return each clip's static tracks and pitch from the store, or extract them; options as in `extract`.

    Returns
    -------
    list of dict
        ``tracks`` (n_frames, 4) float32 in the order of :data:`TRACKS`; ``f0`` in Hz and ``periodicity``, (n_frames,).
        None for a clip in `unusable`.
    """
    return extract(
        clips,
        _Tracks(pitch_model, pitch_range, device),
        ("tracks", *pitch_key(pitch_model, pitch_range)),
        cache=cache,
        n_jobs=n_jobs,
        verbose=verbose,
        label="pitch, loudness, timbre",
        maker=f"the {pitch_model} pitch model and spectral tracks",
        where=where,
        unusable=unusable,
    )


def pitch_key(pitch_model: str, pitch_range: tuple[float, float]) -> tuple[int | float | str, ...]:
    """Return what pitch depends on beside the audio, as the store takes it."""
    return (VERSION, pitch_model, *pitch_range)


def as_pitch(arrays: dict[str, np.ndarray]) -> Any:
    """Return the :class:`sere.tracks.Pitch` among a clip's stored arrays."""
    from sere.tracks import Pitch

    return Pitch(arrays["f0"], arrays["periodicity"])


@dataclass(frozen=True)
class _Tracks:
    """Computes static tracks of a batch of waveforms (a class, so that workers can unpickle it)."""

    pitch_model: str
    pitch_range: tuple[float, float]
    device: str

    def __call__(self, waves: list[np.ndarray], companions: list[Any]) -> list[dict[str, np.ndarray]]:
        from sere.tracks import pitches, static_tracks

        fmin, fmax = self.pitch_range
        found = pitches(waves, model=self.pitch_model, fmin=fmin, fmax=fmax, device=resolve_device(self.device))
        with workers() as run:
            tracks = list(run(static_tracks, waves, found))
        return [
            {"tracks": own, "f0": pitch.f0, "periodicity": pitch.periodicity}
            for own, pitch in zip(tracks, found, strict=True)
        ]


_STATISTICS = ("mean", "sd", "p20", "p50", "p80")
_CHANGES = ("change_mean", "change_sd", "change_skew", "burst_share", "rise_share")
SUMMARY_NAMES = (
    *(f"{track}_{name}" for track in TRACKS for name in (*_STATISTICS, *_CHANGES)),
    "voiced_share",
    "seconds",
)


def _summary(tracks: np.ndarray, changes: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Return pooled statistics of one clip in the order of :data:`SUMMARY_NAMES`.

    Levels are taken on perceptual scales (semitones, dB) and f0 over voiced frames. ``change_mean`` is the mean
    absolute change a frame, which Eq. 1 divides by; the other changes describe the normalised dynamics.
    """
    levels = tracks.astype(np.float64)
    levels[:, 0] = semitones(levels[:, 0])
    levels[:, 1] = 20 * np.log10(np.maximum(levels[:, 1], 1e-5))
    row: list[float] = []
    for k in range(len(TRACKS)):
        valid = voiced if k == 0 and voiced.any() else np.ones(len(levels), bool)
        level = levels[valid, k] if k or voiced.any() else np.zeros(1)
        steps = np.abs(np.diff(levels[:, k]))
        if k == 0:
            steps = steps[voiced[1:] & voiced[:-1]]
        change = changes[:, k]
        sd = change.std()
        row += [level.mean(), level.std(), *np.percentile(level, (20, 50, 80))]
        row += [
            steps.mean() if steps.size else 0.0,
            sd,
            float(((change - change.mean()) ** 3).mean() / sd**3) if sd > 1e-9 else 0.0,
            float((np.abs(change) > BURST).mean()),
            float((change > 0).mean()),
        ]
    row += [float(voiced.mean()), len(levels) / audio.FRAME_RATE]
    return np.array(row)
