"""Audio in: any file libsndfile reads, any rate and channel count, to 16 kHz mono float32.

Emotion lives below 8 kHz, CREPE and the speech encoders all listen at 16 kHz, and one common rate keeps a corpus's
sampling rate from becoming a cue. Channels are averaged; other rates are resampled by soxr (high quality). Everything
that can be wrong with a clip is found in this module, and :class:`AudioError` says which clip, what and what to do.

Frames are counted the same way everywhere in the library: one every 20 ms (:data:`HOP` samples), frame t centred at
sample ``320 * t``, so a clip of n samples has ``1 + n // 320`` of them.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

#: Samples per second of every waveform inside the library.
SAMPLE_RATE = 16_000
#: Samples between two frames (20 ms).
HOP = 320
#: Frames per second.
FRAME_RATE = SAMPLE_RATE // HOP
#: Endings whose sound is taken out by ffmpeg, since libsndfile reads no video.
VIDEO_ENDINGS = frozenset({".avi", ".mp4", ".mkv", ".mov", ".webm", ".m4a", ".aac", ".wma"})
#: Endings of sound and of video that holds sound: what is looked for when a folder is given.
AUDIO_ENDINGS = VIDEO_ENDINGS | {
    *(".wav", ".flac", ".aif", ".aiff", ".aifc", ".w64", ".caf", ".au", ".snd", ".sph"),
    *(".mp3", ".ogg", ".oga", ".opus", ".flv", ".3gp", ".m4b"),
}

# A header's promise from here on stands for "until the end".
_ENDLESS = 2**31 - 2**16
#: So many samples no file has.
_UNKNOWN_LENGTH = 2**62


class AudioError(ValueError):
    """Clips that cannot be used.

    Attributes
    ----------
    problems : list of (int or None, str)
        Row of the input (None for a single file) and what is wrong with it.
    """

    def __init__(self, problems: Sequence[tuple[int | None, str]], where: str = "X"):
        self.problems, self.where = list(problems), where
        lines = [text if row is None else f"{where}[{row}]: {text}" for row, text in self.problems[:5]]
        more = len(self.problems) - len(lines)
        if more:
            lines.append(f"... and {more} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple:
        return type(self), (self.problems, self.where)

    def of_rows(self, rows: Sequence[int] | np.ndarray) -> "AudioError":
        """Return the error with row k renamed to ``rows[k]``, for clips that were a part of the input."""
        return AudioError([(None if k is None else int(rows[k]), text) for k, text in self.problems], self.where)


def n_frames(n_samples: int) -> int:
    """Number of 20 ms frames of a clip of `n_samples` samples at 16 kHz."""
    return 1 + n_samples // HOP


@dataclass(frozen=True, eq=False)
class Clip:
    """One stretch of audio, not yet read.

    Attributes
    ----------
    source : str or ndarray of shape (n_samples,)
        Path of a file, or the waveform itself.
    sampling_rate : int
        Rate of a waveform in Hz; a file knows its own.
    start, end : float or None
        Seconds into the source; None for its beginning or end.
    """

    source: str | np.ndarray
    sampling_rate: int = SAMPLE_RATE
    start: float | None = None
    end: float | None = None

    @property
    def name(self) -> str:
        """What an error calls the clip."""
        span = "" if self.start is None and self.end is None else f" [{self.start or 0:g}-{_end(self.end)} s]"
        return ("waveform" if isinstance(self.source, np.ndarray) else repr(self.source)) + span

    def load(self) -> np.ndarray:
        """Return the samples: 1-D float32 at 16 kHz, finite, at least one."""
        if isinstance(self.source, np.ndarray):
            wave = _cut(self.source, self.sampling_rate, self.start, self.end)
            return _finish(wave, self.sampling_rate, self.name)
        return read(self.source, self.start, self.end)


def read(path: str, start: float | None = None, end: float | None = None) -> np.ndarray:
    """Read a file as 16 kHz mono.

    Parameters
    ----------
    path : str
        Anything libsndfile reads (wav, flac, mp3, ogg, ...); video where ffmpeg is installed.
    start, end : float, optional
        Seconds into the file.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        In -1..1 for integer files.

    Raises
    ------
    AudioError
        Missing, empty, truncated or not audio; NaN or infinite samples; a segment outside the file.
    """
    import soundfile

    problem = check_file(path, start, end)
    if problem:
        raise AudioError([(None, problem)])
    if _is_video(path):
        return _read_video(path, start, end)
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            first = 0 if start is None else round(start * rate)
            last = file.frames if end is None else min(round(end * rate), file.frames)
            file.seek(first)
            wave = file.read(max(last - first, 0), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(
            [(None, f"{path!r} cannot be decoded ({error}); it may be truncated: copy it again")]
        ) from error
    if len(wave) < last - first:
        raise AudioError(
            [
                (
                    None,
                    f"{path!r} ends after {len(wave)} of {last - first} samples: it is truncated; copy it again",
                )
            ]
        )
    return _finish(wave.mean(axis=1), rate, _named(path, start, end))


def check_file(path: str, start: float | None = None, end: float | None = None) -> str | None:
    """Return what is wrong with a file, by its header alone, or None."""
    import soundfile

    file = Path(path)
    if not file.exists():
        return f"no such file: {path!r} (relative paths start from {Path.cwd()})"
    if file.is_dir():
        return f"{path!r} is a folder; pass its files, or use sere.datasets.load_corpus"
    if file.stat().st_size == 0:
        return f"{path!r} is empty (0 bytes)"
    if _is_video(path):
        return (
            None
            if shutil.which("ffmpeg")
            else f"{path!r} needs ffmpeg to be read: install ffmpeg, or convert it to wav"
        )
    try:
        info = soundfile.info(path, verbose=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return f"{path!r} is not audio that libsndfile reads (wav, flac, mp3, ogg, ...); convert it to wav"
    promised, present = _data_bytes(info.extra_info)
    if promised > present:
        return f"{path!r} holds {present} of the {promised} bytes of sound it promises: it is truncated; copy it again"
    if not 0 < info.frames < _UNKNOWN_LENGTH:
        # The length of ogg is read from the end of the file; where that is missing, libsndfile says 0 or "very many".
        cut = "; it may be truncated: copy it again" if info.format == "OGG" else ""
        return f"{path!r} holds no samples{cut}"
    return _check_span(path, start, end, info.frames / info.samplerate)


def check(clips: Iterable[Clip], where: str = "X") -> None:
    """Raise one :class:`AudioError` for all clips that are unusable, before any of them is processed."""
    problems: list[tuple[int | None, str]] = []
    for row, clip in enumerate(clips):
        if isinstance(clip.source, np.ndarray):
            problem = _check_wave(clip)
        else:
            problem = check_file(clip.source, clip.start, clip.end)
        if problem:
            problems.append((row, problem))
    if problems:
        raise AudioError(problems, where)


def find_audio(folder: str) -> list[str]:
    """Audio files below a folder, sorted by path."""
    return sorted(str(p) for p in Path(folder).rglob("*") if p.suffix.lower() in AUDIO_ENDINGS and p.is_file())


def _check_wave(clip: Clip) -> str | None:
    wave = clip.source
    assert isinstance(wave, np.ndarray)
    if wave.ndim != 1:
        return f"a waveform must be 1-D (mono), this one has shape {wave.shape}; average its channels first"
    if wave.size == 0:
        return "the waveform holds no samples"
    if wave.dtype.kind not in "fiu":
        return f"a waveform must hold numbers, this one has dtype {wave.dtype}"
    if wave.dtype.kind in "iu" and wave.dtype.itemsize > 4:
        return f"a waveform of dtype {wave.dtype} has no full scale; convert it to int16, int32 or float in -1..1"
    bad = 0 if wave.dtype.kind in "iu" else int(np.count_nonzero(~np.isfinite(wave)))
    if bad:
        return f"the waveform has {bad} NaN or infinite samples; remove or repair them"
    if clip.sampling_rate <= 0:
        return f"sampling_rate must be positive, got {clip.sampling_rate}"
    return _check_span("waveform", clip.start, clip.end, len(wave) / clip.sampling_rate)


def _data_bytes(log: str) -> tuple[int, int]:
    """Bytes of sound that a file's header promises and that are there, from libsndfile's log; (0, 0) where it fits.

    A program that writes to a pipe cannot know the length and promises nothing, or as much as the field can hold.
    """
    found = re.search(r"^\s*(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", log, re.MULTILINE)
    promised, present = (int(number) for number in found.groups()) if found else (0, 0)
    return (0, 0) if promised >= _ENDLESS else (promised, present)


def _check_span(name: str, start: float | None, end: float | None, seconds: float) -> str | None:
    first, last = start or 0.0, seconds if end is None else end
    if not (isfinite(first) and isfinite(last)):
        return f"{name!r}: start and end must be finite numbers of seconds, got {first:g} and {last:g}"
    if first >= seconds:
        return f"{name!r}: the segment starts at {first:g} s but the audio ends at {seconds:.3f} s"
    if first < 0 or last <= first:
        return f"{name!r}: the segment {first:g}-{last:g} s is empty; end must lie after start"
    return None


def _finish(wave: np.ndarray, rate: int, name: str) -> np.ndarray:
    """Scale integers to -1..1, resample, and refuse what no descriptor can survive."""
    if wave.dtype.kind in "iu":
        info = np.iinfo(wave.dtype)
        wave = (wave.astype(np.float64) - (0 if info.min else (info.max + 1) / 2)) / (
            (info.max + 1) / (1 if info.min else 2)
        )
    wave = np.ascontiguousarray(wave, dtype=np.float32)
    if wave.size == 0:
        raise AudioError([(None, f"{name} holds no samples")])
    bad = int(np.count_nonzero(~np.isfinite(wave)))
    if bad:
        raise AudioError([(None, f"{name} has {bad} NaN or infinite samples; repair or drop it")])
    if rate != SAMPLE_RATE:
        import soxr

        wave = soxr.resample(wave, rate, SAMPLE_RATE, quality="HQ")
        if wave.size == 0:
            wave = np.zeros(1, np.float32)
    return wave


def _cut(wave: np.ndarray, rate: int, start: float | None, end: float | None) -> np.ndarray:
    first = 0 if start is None else round(start * rate)
    return wave[first : None if end is None else round(end * rate)]


def _is_video(path: str) -> bool:
    return Path(path).suffix.lower() in VIDEO_ENDINGS


def _read_video(path: str, start: float | None, end: float | None) -> np.ndarray:
    span = [] if start is None else ["-ss", str(start)]
    span += [] if end is None else ["-t", str(end - (start or 0.0))]
    command = ["ffmpeg", "-v", "error", "-nostdin", *span, "-i", path]
    run = subprocess.run([*command, "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "-"], capture_output=True)
    if run.returncode:
        raise AudioError([(None, f"ffmpeg cannot read {path!r}: {run.stderr.decode(errors='replace').strip()}")])
    return _finish(np.frombuffer(run.stdout, "<f4"), SAMPLE_RATE, _named(path, start, end))


def _named(path: str, start: float | None, end: float | None) -> str:
    return Clip(path, start=start, end=end).name


def _end(end: float | None) -> str:
    return "end" if end is None else f"{end:g}"
