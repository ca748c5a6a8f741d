"""Synthetic emotional speech in two made-up languages, for trying things without a corpus.

The languages share no sounds' statistics and no melody. *Lumo* is syllable-timed with open
syllables, five vowels and a stress that falls on the last syllable but one of each word. *Tarsk*
is stress-timed and slower, with closed syllables, fricatives, seven vowels and a lexical tone on
every syllable. What they share is how emotion bends a voice, after the published correlates
(Murray and Arnott 1993; Banse and Scherer 1996; Juslin and Laukka 2003): arousal raises level,
range and energy of a voice and flattens its spectrum; sadness slows, lowers and softens it; fear
is high, narrow, fast and unsteady; surprise rises at the end.

It is made to be learnable and not trivial: speakers differ in vocal tract, F0, loudness,
liveliness and in how strongly each emotion shows, every clip shows it in another strength, and
sentences differ in length and melody. It says nothing about how well a method does on people.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sere.datasets.synthesis import SAMPLE_RATE, Sound, Voice, synthesise
from sere.inputs.params import RANDOM_STATE, ParameterError, check_arguments, number, whole

_SENTENCES = 12
# Silence before and after what is said.
_HEAD_SECONDS, _TAIL_SECONDS = 0.07, 0.08
# Hz of the first three formants, adult average.
_VOWELS = {
    "a": (760, 1300, 2500),
    "e": (480, 1900, 2550),
    "i": (300, 2250, 2950),
    "o": (470, 900, 2450),
    "u": (320, 800, 2300),
    "y": (300, 1800, 2200),
    "ø": (420, 1500, 2250),
    "ə": (500, 1450, 2450),
}


class _Consonant(NamedTuple):
    """How a consonant is made."""

    voice: float  # amplitude
    noise: float  # amplitude
    centre: float  # of the noise, Hz
    width: float  # of the noise, Hz
    length: float  # relative to an average consonant
    second_formant: float  # Hz


_CONSONANTS = {
    "m": _Consonant(0.35, 0.0, 4000.0, 2000.0, 1.0, 1000.0),
    "n": _Consonant(0.35, 0.0, 4000.0, 2000.0, 0.9, 1600.0),
    "l": _Consonant(0.45, 0.0, 4000.0, 2000.0, 0.9, 1300.0),
    "r": _Consonant(0.35, 0.0, 4000.0, 2000.0, 0.7, 1400.0),
    "b": _Consonant(0.1, 0.03, 700.0, 500.0, 0.9, 900.0),
    "d": _Consonant(0.1, 0.036, 3800.0, 1300.0, 0.8, 1700.0),
    "g": _Consonant(0.1, 0.036, 2000.0, 700.0, 0.9, 2000.0),
    "v": _Consonant(0.25, 0.03, 3000.0, 2500.0, 0.9, 1100.0),
    "p": _Consonant(0.0, 0.045, 800.0, 600.0, 1.1, 900.0),
    "t": _Consonant(0.0, 0.075, 4500.0, 1300.0, 1.0, 1700.0),
    "k": _Consonant(0.0, 0.066, 2200.0, 700.0, 1.1, 2000.0),
    "s": _Consonant(0.0, 0.105, 6000.0, 1200.0, 1.4, 1700.0),
    "ʃ": _Consonant(0.0, 0.105, 3300.0, 900.0, 1.4, 1900.0),
    "x": _Consonant(0.0, 0.075, 1700.0, 700.0, 1.2, 1500.0),
    "f": _Consonant(0.0, 0.045, 5500.0, 2500.0, 1.2, 1100.0),
}


@dataclass(frozen=True)
class _Language:
    """Sounds and rhythm of a made-up language."""

    vowels: str
    onsets: str
    codas: str
    tones: bool
    syllable_seconds: float
    syllables: tuple[int, int]


_LANGUAGES = {
    "lumo": _Language("aeiou", "mnlrbdgvpt", "", False, 0.165, (6, 9)),
    "tarsk": _Language("aeiuyøə", "ptksʃxfrnm", "stknx", True, 0.215, (4, 6)),
}


@dataclass(frozen=True)
class _Prosody:
    """How a clip departs from a speaker's usual voice; each 0 is no change."""

    level: float  # semitones
    range: float  # log2 of a factor on the F0 excursions
    rate: float  # log2 of a factor on the tempo
    energy: float  # dB
    tilt: float  # dB per octave
    jitter: float  # log2 of a factor on jitter and shimmer
    breath: float  # log2 of a factor on the aspiration
    final: float  # semitones at the end of the clip
    formants: float  # log2 of a factor; smiling shortens the tract


_EMOTIONS = {
    "anger": _Prosody(2.5, 0.5, 0.15, 9.0, 4.0, 0.9, -0.8, -2.5, 0.01),
    "disgust": _Prosody(-2.5, -0.2, -0.4, -1.0, 0.5, 1.6, 0.2, -3.0, -0.06),
    "fear": _Prosody(6.0, -0.9, 0.45, -1.0, 0.5, 1.3, 1.3, 0.5, 0.01),
    "happiness": _Prosody(4.5, 1.0, 0.4, 3.5, 2.0, -0.8, -0.6, 0.0, 0.11),
    "neutral": _Prosody(0.0, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sadness": _Prosody(-1.5, -0.9, -0.45, -7.0, -3.0, 0.3, 1.2, -1.0, -0.02),
    "surprise": _Prosody(4.5, 1.0, -0.3, 2.0, 0.0, 0.2, 0.3, 9.0, 0.0),
}
# Standard deviation of a clip around its emotion's prosody, in the same units.
_SPREAD = _Prosody(0.5, 0.12, 0.05, 0.8, 0.4, 0.2, 0.2, 0.7, 0.01)
_RULES = {
    "n_per_emotion": whole(1),
    "n_speakers": whole(1),
    "duration": number(0.3, 20),
    "random_state": RANDOM_STATE,
}
_FIELDS = tuple(_Prosody.__dataclass_fields__)
_DEFAULT_EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")


@dataclass(frozen=True)
class _Speaker:
    """One person's neutral voice."""

    name: str
    f0: float
    excursion: float  # semitones of a stressed syllable
    tempo: float
    tract: float
    tilt: float
    jitter: float
    breath: float
    gain: float
    expression: dict[str, np.ndarray]  # emotion to factors on the fields of its prosody


def make_voices(
    n_per_emotion: int = 20,
    languages: Sequence[str] = ("lumo", "tarsk"),
    n_speakers: int = 4,
    emotions: Sequence[str] = _DEFAULT_EMOTIONS,
    random_state: int | np.random.RandomState | None = 0,
    *,
    duration: float = 1.5,
) -> pd.DataFrame:
    """Make synthetic emotional speech in made-up languages.

    Parameters
    ----------
    n_per_emotion : int, default=20
        Clips of each emotion in each language.
    languages : sequence of {"lumo", "tarsk"}, default=("lumo", "tarsk")
        Which of the two.
    n_speakers : int, default=4
        Speakers of each language, in turn female and male; they share the clips evenly.
    emotions : sequence of str
        Any of anger, disgust, fear, happiness, neutral, sadness, surprise; all but disgust by
        default.
    random_state : int, RandomState instance or None, default=0
        The same number gives the same clips, and neither a language's nor an emotion's clips
        depend on what else is made.
    duration : float, default=1.5
        Average length of a neutral clip in seconds; sentences and tempo vary around it.

    Returns
    -------
    DataFrame
        Columns `audio` (waveforms: 1-D float32 arrays, 16 kHz), `emotion`, `speaker`,
        `language`, `text` (the sentence) and `corpus` (``"voices"``), sorted by language,
        emotion and clip.

    Raises
    ------
    ValueError
        If a number is out of range, or a language or an emotion is not one of those above.

    Examples
    --------
    >>> from sere.datasets import make_voices
    >>> voices = make_voices(n_per_emotion=1, languages=["lumo"], emotions=["anger", "sadness"])
    >>> voices[["emotion", "speaker", "language"]].values.tolist()
    [['anger', 'lumo-f1', 'lumo'], ['sadness', 'lumo-f1', 'lumo']]
    """
    _check_choice("languages", languages, _LANGUAGES)
    _check_choice("emotions", emotions, _EMOTIONS)
    check_arguments(_RULES, n_per_emotion=n_per_emotion, n_speakers=n_speakers, duration=duration)
    check_arguments(_RULES, random_state=random_state)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    rows = []
    for language in languages:
        key = list(_LANGUAGES).index(language)
        rng = np.random.default_rng([seed, key])
        sentences = _sentences(_LANGUAGES[language], duration, rng)
        speakers = [
            _speaker(language, number, np.random.default_rng([seed, key, 1, number])) for number in range(n_speakers)
        ]
        for emotion in emotions:
            place = list(_EMOTIONS).index(emotion)
            for clip in range(n_per_emotion):
                rng = np.random.default_rng([seed, key, 2, place, clip])
                speaker = speakers[clip % n_speakers]
                sentence = sentences[rng.integers(len(sentences))]
                audio = _speak(sentence, speaker, emotion, _LANGUAGES[language], rng)
                rows.append((audio, emotion, speaker.name, language, "".join(sentence), "voices"))
    return pd.DataFrame(rows, columns=["audio", "emotion", "speaker", "language", "text", "corpus"])


def _check_choice(name: str, chosen: Sequence[str], known: Sequence[str] | dict[str, Any]) -> None:
    if (
        isinstance(chosen, str)
        or not isinstance(chosen, Collection)
        or not len(chosen)
        or len(set(chosen)) < len(chosen)
    ):
        raise ParameterError(f"{name} is {chosen!r}; pass a list of different names.")
    unknown = [item for item in chosen if item not in known]
    if unknown:
        raise ValueError(f"{name} has {', '.join(map(repr, unknown))}; known: {', '.join(known)}.")


def _sentences(language: _Language, duration: float, rng: np.random.Generator) -> list[list[str]]:
    """Return sentences as lists of syllables, `duration` seconds long on average."""
    usual = float(np.mean(language.syllables)) * language.syllable_seconds
    scale = (duration - _HEAD_SECONDS - _TAIL_SECONDS) / usual
    low, high = (max(2, round(count * scale)) for count in language.syllables)
    sentences = []
    for _ in range(_SENTENCES):
        syllables = []
        for _ in range(rng.integers(low, high + 1)):
            coda = rng.choice(list(language.codas)) if language.codas and rng.random() < 0.6 else ""
            syllables.append(rng.choice(list(language.onsets)) + rng.choice(list(language.vowels)) + coda)
        sentences.append([str(syllable) for syllable in syllables])
    return sentences


def _speaker(language: str, number: int, rng: np.random.Generator) -> _Speaker:
    female = number % 2 == 0
    return _Speaker(
        name=f"{language}-{'f' if female else 'm'}{number // 2 + 1}",
        f0=(205.0 if female else 115.0) * 2 ** rng.normal(0, 0.12),
        excursion=2.5 * 2 ** rng.normal(0, 0.2),
        tempo=2 ** rng.normal(0, 0.1),
        tract=(1.12 if female else 0.97) * 2 ** rng.normal(0, 0.04),
        tilt=-2.0 + rng.normal(0, 1.0),
        jitter=0.012 * 2 ** rng.normal(0, 0.3),
        breath=0.06 * 2 ** rng.normal(0, 0.4),
        gain=0.03 * 10 ** (rng.normal(0, 3.0) / 20),
        expression={emotion: np.maximum(rng.normal(1.0, 0.12, len(_FIELDS)), 0.2) for emotion in _EMOTIONS},
    )


def _clip_prosody(speaker: _Speaker, emotion: str, rng: np.random.Generator) -> _Prosody:
    """Return an emotion as this speaker shows it this time."""
    strength = rng.uniform(0.95, 1.35)
    typical = np.array([getattr(_EMOTIONS[emotion], name) for name in _FIELDS])
    spread = np.array([getattr(_SPREAD, name) for name in _FIELDS])
    drawn = strength * speaker.expression[emotion] * typical + spread * rng.standard_normal(len(spread))
    return _Prosody(*drawn.tolist())


def _speak(
    sentence: list[str],
    speaker: _Speaker,
    emotion: str,
    language: _Language,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return one clip's waveform."""
    prosody = _clip_prosody(speaker, emotion, rng)
    tempo = speaker.tempo * 2**prosody.rate
    sounds, nuclei = _lay_out(sentence, language, tempo, rng)
    seconds = sounds[-1].end
    f0 = _melody(nuclei, seconds, speaker, prosody, language, emotion, rng)
    voice = Voice(
        tract=speaker.tract * 2**prosody.formants,
        tilt=speaker.tilt + prosody.tilt,
        jitter=speaker.jitter * 2**prosody.jitter,
        shimmer=3 * speaker.jitter * 2**prosody.jitter,
        breath=speaker.breath * 2**prosody.breath,
        gain=speaker.gain * 10 ** (prosody.energy / 20),
    )
    return synthesise(sounds, f0, voice, rng)


def _lay_out(
    sentence: list[str], language: _Language, tempo: float, rng: np.random.Generator
) -> tuple[list[Sound], list[tuple[float, float, bool]]]:
    """Return a sentence's sounds, and start, end and stress of its syllables' vowels."""
    clock = _HEAD_SECONDS
    sounds = [Sound(0.0, clock, _VOWELS[_vowel(sentence[0])], 0.0)]
    nuclei = []
    for place, syllable in enumerate(sentence):
        # Lumo stresses the last but one; Tarsk alternates, and its unstressed syllables shrink.
        stressed = place % 2 == 0 if language.tones else place == len(sentence) - 2
        length = language.syllable_seconds / tempo * 2 ** rng.normal(0, 0.12)
        if language.tones:
            length *= 1.2 if stressed else 0.8
        vowel = _VOWELS[_vowel(syllable)]
        for letter, span in zip(syllable, _spans(syllable, length)):
            end = clock + span
            if letter in _VOWELS:
                amplitude = (1.0 if stressed else 0.75) * 2 ** rng.normal(0, 0.15)
                sounds.append(Sound(clock, end, vowel, amplitude))
                nuclei.append((clock, end, stressed))
            else:
                consonant = _CONSONANTS[letter]
                formants = (0.6 * vowel[0], consonant.second_formant, vowel[2])
                band = (consonant.centre, consonant.width)
                sounds.append(Sound(clock, end, formants, consonant.voice, consonant.noise, band))
            clock = end
    sounds.append(Sound(clock, clock + _TAIL_SECONDS, _VOWELS[_vowel(sentence[-1])], 0.0))
    return sounds, nuclei


def _spans(syllable: str, length: float) -> list[float]:
    """Return the seconds of each sound of a syllable; the vowel gets what consonants leave."""
    share = 0.35 if len(syllable) == 2 else 0.25
    taken = [share * length * _CONSONANTS[x].length for x in syllable if x in _CONSONANTS]
    rest = max(length - sum(taken), 0.3 * length)
    return [rest if x in _VOWELS else share * length * _CONSONANTS[x].length for x in syllable]


def _vowel(syllable: str) -> str:
    return next(sound for sound in syllable if sound in _VOWELS)


def _melody(
    nuclei: list[tuple[float, float, bool]],
    seconds: float,
    speaker: _Speaker,
    prosody: _Prosody,
    language: _Language,
    emotion: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return F0 in Hz at every sample: declination, accents or tones, and the final movement."""
    excursion = speaker.excursion * 2**prosody.range
    times, semitones = [0.0], [0.0]
    for start, end, stressed in nuclei:
        if language.tones:
            begin, finish = ((0.6, 0.6), (-0.6, -0.6), (-0.6, 0.6), (0.6, -0.6))[rng.integers(4)]
        else:
            begin, finish = (0.3, 1.0) if stressed else (0.0, 0.0)
        wobble = 0.25 * rng.standard_normal(2)
        times += [start, end]
        semitones += [excursion * (begin + wobble[0]), excursion * (finish + wobble[1])]
    clock = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    progress = clock / seconds
    contour = np.interp(clock, times, semitones)
    contour += excursion * (0.5 - progress) + prosody.level
    contour += prosody.final * np.clip((progress - 0.7) / 0.3, 0, 1)
    if emotion == "fear":
        contour += 0.4 * np.sin(2 * np.pi * (7.0 * clock + rng.random()))
    return np.clip(speaker.f0 * 2 ** (contour / 12), 60.0, 700.0)
