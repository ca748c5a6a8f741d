"""Why a clip got its emotion, in numbers and words; :class:`sere.plotting.ExplanationDisplay` draws it."""

import base64
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sere.audio import FRAME_RATE, SAMPLE_RATE, Clip
from sere.estimators.dynamics import VOICED

if TYPE_CHECKING:
    from sere.training.reasons import Reasons

#: Moments that words name, and what of a voice counts as different from the rest of its clip.
NAMED = 3
_SEMITONES, _DECIBELS, _BRIGHTER = 2.0, 4.0, 1.25


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model gave a clip its emotion.

    Attributes
    ----------
    emotion, against : label
        The answer and the runner-up.
    probability : float
    parts : dict of str to float
        What "prototypes", "experience" and "self-training" add to the answer's lead over the runner-up, in the units of
        `decision_function`; they sum up to the lead.
    shots : DataFrame
        Labeled clips of the emotion that the clip resonates with, most first: ``shot``, the row of fit's X, and
        ``resonance`` (Eq. 6).
    moments : DataFrame
        Ten a second by default, in time: ``time`` (s); ``weight``, by how much the lead would fall without it;
        ``shot``, ``shot_time`` and ``resonance``, the labeled clip's moment that answers it (Eq. 4-5). Of audio also
        ``pitch`` (Hz, NaN where there is none), ``pitch_change`` (semitones from the clip's median),
        ``loudness_change`` (dB from the clip's mean) and ``brightness`` (the spectral centroid beside the clip's mean,
        a ratio).
    clip : Clip or None
        The audio.
    """

    emotion: Any
    against: Any
    probability: float
    parts: dict[str, float]
    shots: pd.DataFrame = field(repr=False)
    moments: pd.DataFrame = field(repr=False)
    clip: Clip | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        reasons: "Reasons",
        classes: np.ndarray,
        clip: Clip | None,
        tracks: dict[str, np.ndarray] | None,
        temperature: float = 1.0,
    ) -> "Explanation":
        """Put reasons into tables.

        Parameters
        ----------
        reasons : Reasons
        classes : ndarray of shape (C,)
        clip : Clip or None
        tracks : dict or None
            Static tracks of the clip, as the dynamics keep them.
        temperature : float
            The model's.
        """
        odds = np.exp((reasons.scores - reasons.scores.max()) / temperature)
        moments = pd.DataFrame(
            {
                "time": reasons.times,
                "weight": reasons.weights,
                "shot": reasons.shots[reasons.partners],
                "shot_time": reasons.partner_times,
                "resonance": reasons.partner_resonance,
            }
        )
        if tracks is not None:
            moments = moments.assign(**_voice(tracks, np.round(reasons.times * FRAME_RATE).astype(int)))
        return cls(
            classes[reasons.answer],
            classes[reasons.runner_up],
            float(odds[reasons.answer] / odds.sum()),
            reasons.parts,
            pd.DataFrame({"shot": reasons.shots, "resonance": reasons.resonance}),
            moments,
            clip,
        )

    def strongest(self, n: int = NAMED) -> pd.DataFrame:
        """Return the moments that carry the answer most, strongest first."""
        return self.moments.nlargest(n, "weight")

    def __str__(self) -> str:
        lead = sum(self.parts.values())
        said = ", ".join(f"{name} {value:+.2f}" for name, value in self.parts.items())
        lines = [f"{self.emotion} ({100 * self.probability:.0f} %), ahead of {self.against} by {lead:.2f}: {said}"]
        like = ", ".join(f"shot {shot} ({score:.2f})" for shot, score in self.shots.itertuples(index=False))
        lines.append(f"like {like}")
        for _, moment in self.strongest().iterrows():
            if moment["weight"] > 0:
                lines.append(
                    f"at {moment['time']:.1f} s ({moment['weight']:+.2f}), as shot {moment['shot']:.0f} at "
                    f"{moment['shot_time']:.1f} s{_words(moment)}"
                )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return numbers and texts that JSON can hold."""
        moments = self.moments.astype(object).where(self.moments.notna(), None)
        return {
            "emotion": self.emotion if isinstance(self.emotion, str) else int(self.emotion),
            "against": self.against if isinstance(self.against, str) else int(self.against),
            "probability": self.probability,
            "parts": self.parts,
            "shots": self.shots.to_dict("records"),
            "moments": moments.to_dict("records"),
        }

    def _repr_html_(self) -> str:
        from html import escape

        lines = "<br>".join(escape(line) for line in str(self).splitlines())
        return f"<div><p>{lines}</p>{_player(self.clip)}</div>"


def _voice(tracks: dict[str, np.ndarray], frames: np.ndarray) -> dict[str, np.ndarray]:
    """Pitch, loudness and brightness at some frames, beside the whole clip."""
    f0, rms, _, centroid = np.asarray(tracks["tracks"], dtype=np.float64).T
    voiced = tracks["periodicity"] >= VOICED
    frames = np.minimum(frames, len(f0) - 1)
    pitch = np.where(voiced, f0, np.nan)
    usual = np.median(f0[voiced]) if voiced.any() else np.nan
    level = 20 * np.log10(np.maximum(rms, 1e-6))
    mean = 20 * np.log10(max(float(np.sqrt(np.square(rms).mean())), 1e-6))
    return {
        "pitch": pitch[frames],
        "pitch_change": 12 * np.log2(pitch[frames] / usual),
        "loudness_change": level[frames] - mean,
        "brightness": centroid[frames] / max(float(centroid.mean()), 1e-6),
    }


def _words(moment: pd.Series) -> str:
    """What a voice did at a moment, where it did anything."""
    if "pitch_change" not in moment:
        return ""
    found = []
    if abs(moment["pitch_change"]) >= _SEMITONES:  # NaN is not
        found.append(f"voice {'higher' if moment['pitch_change'] > 0 else 'lower'} ({moment['pitch_change']:+.0f} st)")
    if abs(moment["loudness_change"]) >= _DECIBELS:
        louder = moment["loudness_change"] > 0
        found.append(f"{'louder' if louder else 'softer'} ({moment['loudness_change']:+.0f} dB)")
    if moment["brightness"] >= _BRIGHTER or moment["brightness"] <= 1 / _BRIGHTER:
        found.append("brighter" if moment["brightness"] > 1 else "darker")
    return f": {', '.join(found)}" if found else ""


def _player(clip: Clip | None) -> str:
    """An audio player of a clip, for notebooks."""
    if clip is None:
        return ""
    import soundfile

    data = io.BytesIO()
    soundfile.write(data, clip.load(), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return f'<audio controls src="data:audio/wav;base64,{base64.b64encode(data.getvalue()).decode()}"></audio>'
