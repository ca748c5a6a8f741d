"""Frames from pretrained speech transformers: Whisper, WavLM, HuBERT, Wav2Vec2, w2v-BERT 2.0.

The paper reads each language with an encoder of its own (German Whisper large-v3, English WavLM
large, Chinese HuBERT base, Italian wav2vec2 large; the labeled path wav2vec2-base) and tunes their
last layers. :class:`PretrainedEncoder` is any of them, by its name on the Hugging Face hub or by a
local folder; :mod:`sere.encoders.languages` says which one a language gets.

Conventions. Clips are 16 kHz mono; frames stand 20 ms apart, T = 1 + n_samples // 320 of them.
The models themselves give a frame or two fewer (wav2vec family: 49 for 1 s; Whisper: 50): the last
frame is repeated, so that frames meet the tracks of :mod:`sere.tracks` one by one.
Frame t of the wav2vec family is centred at sample 320 t + 200, 12.5 ms behind the track's frame t.
Clips over 30 s go through in overlapping windows of 30 s (:func:`sere.encoders.windows.windows`).

What a clip gets does not depend on the clips beside it: to the bit with ``batch_size=1`` and for
Whisper on a CPU, within about 1e-5 with larger batches, whose matrix products round differently.
"""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sere.encoders._checkpoints import (
    CheckpointUnavailableError,
    Facts,
    locate,
    read_facts,
    require_transformers,
)
from sere.encoders.base import Encoded, FrameEncoder, aligned
from sere.inputs.params import resolve_device

if TYPE_CHECKING:
    import torch

    from sere.encoders._families import Family, Window

__all__ = ["CheckpointUnavailableError", "PretrainedEncoder"]

# Part of the cache key: to be raised whenever frames come out differently.
_VERSION = 1
_HOP = 320
_DTYPES = ("float32", "float16", "bfloat16")

# One copy of a checkpoint serves all encoders that use it, for as long as one of them lives.
_loaded: "weakref.WeakValueDictionary[tuple[Any, ...], Family]" = weakref.WeakValueDictionary()


@dataclass(eq=False, repr=False)
class PretrainedEncoder(FrameEncoder):
    """Frames of a pretrained speech transformer.

    Nothing is read or downloaded before the first use. A pickle holds the name, the revision and
    the hash of the weights, never the weights: they are loaded again where it is used next, and a
    checkpoint whose content has changed since is refused.

    Parameters
    ----------
    checkpoint : str or PathLike
        Name on the Hugging Face hub (``"microsoft/wavlm-large"``) or a local folder.
    layer : int, tuple of int or "weighted", default=-1
        Which hidden states become frames. They are counted as transformers counts them: 0 enters
        the first transformer layer, i leaves layer i, -1 is what the model returns. A tuple is
        averaged, unless `combine` says otherwise. With ``"weighted"`` all of them stand side by
        side in a frame, `n_layers` blocks of `width` columns, for
        :class:`sere.encoders.layers.LayerMix` to weigh: frames are then 13 to 33 times as wide,
        which a large corpus feels.
    combine : {"mean", "concatenate"}, default="mean"
        What becomes of a tuple of layers: their mean, or frames in which they stand side by side,
        in the tuple's order. Needs a tuple of at least two.
    trainable_layers : int, default=0
        The paper's partial fine-tuning: with n > 0, `encode` gives the states that enter the last
        n layers and :meth:`top` those layers, to be trained.
    revision : str or None, default=None
        Branch, tag or commit on the hub. Pin a commit where results must stay as they are.
    device : str, default="auto"
        "cpu", "cuda", ...; "auto" takes a GPU where there is one.
    dtype : {"float32", "float16", "bfloat16"}, default="float32"
        Precision of the computation. Frames are float32 in any case. The shorter ones pay off on
        a GPU only.
    local_files_only : bool or None, default=None
        None looks into the local cache, then on the hub; True never asks the hub; False always
        does.
    whisper_slice_positions : bool, default=False
        Whisper's encoder reads 30 s whatever the clip's length. True gives it the clip alone, with
        as many positions as the clip has frames: several times faster on short clips, but *not*
        the same frames, since they no longer attend to the silence behind the clip. Not read by
        other families.
    batch_size : int, default=1
        Clips (or windows of long clips) that go through the model together where its front end
        allows it. Helps on a GPU, not on a CPU, where Whisper's always go through alone.

    Attributes
    ----------
    width : int
        Width of one layer's states.
    n_layers : int
        Layers that stand side by side in a frame: 1 unless ``layer="weighted"`` or
        ``combine="concatenate"``.

    Raises
    ------
    CheckpointUnavailableError
        On first use: the checkpoint is not on this machine and cannot be downloaded. An OSError
        that says how to get it.
    """

    checkpoint: Any
    _: KW_ONLY
    layer: Any = -1
    combine: str = "mean"
    trainable_layers: int = 0
    revision: str | None = None
    device: str = "auto"
    dtype: str = "float32"
    local_files_only: bool | None = None
    whisper_slice_positions: bool = False
    batch_size: int = 1

    def __post_init__(self) -> None:
        # A folder is the one it is now, also in a worker that was born in another one.
        folder = Path(self.checkpoint).expanduser()
        self._place = str(folder.absolute() if folder.is_dir() else self.checkpoint)
        self._facts: Facts | None = None
        self._family: Family | None = None
        self._check_parameters()

    def _check_parameters(self) -> None:
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype={self.dtype!r} is none of {', '.join(_DTYPES)}.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size} must be at least 1.")
        if self.trainable_layers < 0:
            raise ValueError(f"trainable_layers={self.trainable_layers} must not be negative.")
        if self.trainable_layers and self.layer != -1:
            raise ValueError(
                f"trainable_layers={self.trainable_layers} trains the layers up to the last one, "
                f"so layer={self.layer!r} cannot be chosen beside it; leave layer=-1."
            )
        layers = self.layer if isinstance(self.layer, tuple) else (self.layer,)
        whole = all(isinstance(i, int) and not isinstance(i, bool) for i in layers) and layers
        if not whole and self.layer != "weighted":
            raise ValueError(f'layer={self.layer!r} must be an int, a tuple of ints, or "weighted".')
        if self.combine not in ("mean", "concatenate"):
            raise ValueError(f'combine={self.combine!r} must be "mean" or "concatenate".')
        if self.combine == "concatenate" and (not isinstance(self.layer, tuple) or len(self.layer) < 2):
            raise ValueError(
                f'combine="concatenate" puts a tuple of layers side by side, such as layer=(1, 2, 3); got '
                f"layer={self.layer!r}."
            )

    @property
    def facts(self) -> Facts:
        """Family, width, number of layers and content hash of the checkpoint."""
        if self._facts is None:
            self._facts = read_facts(self._folder())
            self._wanted(self._facts)
        return self._facts

    @property
    def width(self) -> int:
        return self.facts.width

    @property
    def n_layers(self) -> int:
        if self.combine == "concatenate":
            return len(self.layer)
        return self.facts.n_layers + 1 if self.layer == "weighted" else 1

    @property
    def cache_key(self) -> str:
        """Name, revision, hash of the weights and every parameter that changes the frames.

        Device and batch size are left out: they move frames by rounding alone.
        """
        chosen = [f"layer={self.layer}", f"trainable={self.trainable_layers}", self.dtype]
        if self.combine != "mean":
            chosen.append(self.combine)
        if self.facts.kind == "whisper":
            chosen.append(f"sliced={self.whisper_slice_positions}")
        name = f"{self._short_name}@{self.revision or 'main'}:{self.facts.digest}"
        return "/".join([f"pretrained-{_VERSION}", name, *chosen])

    @property
    def frame_names(self) -> list[str]:
        name, width = self._short_name, range(self.width)
        if self.n_layers > 1:
            layers = range(self.n_layers) if self.layer == "weighted" else self.layer
            return [f"{name}_layer{i}_{j}" for i in layers for j in width]
        return [f"{name}_{j}" for j in width]

    def encode(self, waves: Sequence[np.ndarray], pitches: Sequence[Any] | None = None) -> list[Encoded]:
        """Embed each clip on its own.

        Parameters
        ----------
        waves : sequence of ndarray of shape (n_samples,), float32, 16 kHz
            Clips shorter than the model's receptive field (25 ms) are zero padded.
        pitches : None
            Not needed.

        Returns
        -------
        list of Encoded
            ``frames`` of shape (1 + n_samples // 320, n_layers * width), ``context`` None: these
            frames know the clip that they stand in.
        """
        family = self._load()
        wanted = self._wanted(self.facts)
        frames: list[np.ndarray] = [np.empty((0, 0), np.float32)] * len(waves)
        for batch, states in family.run(self._batches(waves, family), wanted):
            for (place, _), of_window in zip(batch, states):
                clip, start, _, first, last, n_frames = place
                if start == 0:
                    frames[clip] = np.empty((n_frames, self.n_layers * self.width), np.float32)
                rows = aligned(self._combined(of_window), last - start)[first - start :]
                frames[clip][first:last] = rows
                if last >= n_frames - 1:
                    frames[clip][last:] = rows[-1]
        return [Encoded(of_clip) for of_clip in frames]

    def top(self) -> "torch.nn.Module":
        """The last `trainable_layers` layers, trainable, as a float32 copy on the CPU.

        Called on padded hidden states (n_clips, n_frames, width), as `encode` gives them, and the
        clips' lengths (n_clips,), it returns (n_clips, n_frames, width): what the whole model
        returns for clips up to 30 s, final layer norm included. Longer clips are cut into windows
        of 30 s again. Whisper's copy attends to the clip's own frames, not to the silence that
        fills its window, which is what the whole model returns with
        ``whisper_slice_positions=True`` or for a clip of 30 s.

        Returns
        -------
        :class:`sere.encoders.layers.TopLayers`
            In evaluation mode; the training loop's ``.train()`` turns its dropout on.
        """
        if not self.trainable_layers:
            raise ValueError("top() needs trainable_layers of at least 1.")
        return self._load().top(self.trainable_layers)

    @staticmethod
    def top_state(module: "torch.nn.Module") -> dict[str, np.ndarray]:
        """The module's parameters as numpy arrays, for a pickle that holds no torch object."""
        return {name: t.detach().cpu().numpy().copy() for name, t in module.state_dict().items()}

    @property
    def has_front(self) -> bool:
        return bool(self.trainable_layers) or self.layer == "weighted"

    def front(self, state: dict[str, np.ndarray] | None = None) -> "torch.nn.Module":
        """The last `trainable_layers` layers (:meth:`top`), or the mix of all of them (``layer="weighted"``)."""
        if self.trainable_layers:
            return self.top() if state is None else self.load_top(state)
        if self.layer != "weighted":
            return super().front(state)
        import torch

        from sere.encoders.layers import LayerMix

        mix = LayerMix(self.n_layers, self.width).eval()
        if state is not None:
            mix.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in state.items()})
        return mix

    def load_top(self, state: dict[str, np.ndarray]) -> "torch.nn.Module":
        """The module whose parameters :meth:`top_state` gave."""
        import torch

        module = self.top()
        module.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in state.items()})
        return module

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_family": None}

    def __repr__(self) -> str:
        defaults = PretrainedEncoder("").__dict__
        changed = [
            f", {name}={value!r}"
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "checkpoint" and value != defaults[name]
        ]
        return f"PretrainedEncoder({str(self.checkpoint)!r}{''.join(changed)})"

    @property
    def _short_name(self) -> str:
        # Without its owner or folder: the hash tells checkpoints apart, wherever they lie.
        return Path(self.checkpoint).name

    def _folder(self) -> Path:
        name = self._place if Path(self._place).is_dir() else str(self.checkpoint)
        return locate(name, self.revision, self.local_files_only)

    def _load(self) -> "Family":
        if self._family is None:
            require_transformers()
            from sere.encoders._whisper_families import load_family

            folder = self._folder()
            found, known = read_facts(folder), self._facts
            if known is not None and found.digest != known.digest:
                raise ValueError(
                    f"{self.checkpoint} has changed since this encoder was first used: its files "
                    f"hash to {found.digest[:12]}, not {known.digest[:12]}. Bring the old files "
                    "back (or pin their revision), or make a new encoder and fit again."
                )
            self._wanted(found)
            self._facts = found
            device = resolve_device(self.device)
            key = (found, self.dtype, device, self.whisper_slice_positions)
            family = _loaded.get(key)
            if family is None:
                family = load_family(folder, found, self.dtype, device, key[3])
                _loaded[key] = family
            self._family = family
        return self._family

    def _wanted(self, facts: Facts) -> list[int]:
        """Indices of the states that `encode` reads.

        Raises
        ------
        ValueError
            More layers asked for than the checkpoint has.
        """
        n = facts.n_layers
        if self.trainable_layers > n:
            raise ValueError(f"trainable_layers={self.trainable_layers}, but {self.checkpoint} has {n} layers.")
        if self.trainable_layers:
            return [n - self.trainable_layers]
        if self.layer == "weighted":
            return list(range(n + 1))
        layers = self.layer if isinstance(self.layer, tuple) else (self.layer,)
        for i in layers:
            if not -n - 1 <= i <= n:
                raise ValueError(
                    f"layer={i}, but {self.checkpoint} has {n} layers: "
                    f"from 0 (what enters the first) to {n}, or -1 (the last) to {-n - 1}."
                )
        return [i % (n + 1) for i in layers]

    def _batches(
        self, waves: Sequence[np.ndarray], family: "Family"
    ) -> Iterator[list[tuple[tuple[Any, ...], "Window"]]]:
        """Windows of all clips, with their places, in groups that may share a batch."""
        by_length = list(range(len(waves)))
        size = 1 if family.one_by_one else self.batch_size
        if size > 1:
            by_length.sort(key=lambda clip: len(waves[clip]))
        batch: list[tuple[tuple[Any, ...], Window]] = []
        for clip in by_length:
            for place, window in _windows(clip, waves[clip], family):
                alike = family.masked or (batch and window.values.shape == batch[0][1].values.shape)
                if batch and (len(batch) == size or not alike):
                    yield batch
                    batch = []
                batch.append((place, window))
        if batch:
            yield batch

    def _combined(self, states: "list[torch.Tensor]") -> np.ndarray:
        """One window's states as frames: side by side, or their mean."""
        import torch

        parts = [state.float() for state in states]
        whole = torch.cat(parts, -1) if self.n_layers > 1 else torch.stack(parts).mean(0)
        return whole.cpu().numpy()


def _windows(
    clip: int, wave: np.ndarray, family: "Family"
) -> Iterator[tuple[tuple[int, int, int, int, int, int], "Window"]]:
    """A clip's windows with (clip, start, stop, first, last, frames of the whole clip)."""
    from sere.encoders.windows import windows

    wave = np.asarray(wave, dtype=np.float32)
    n_frames = 1 + len(wave) // _HOP
    plan = windows(max(1, -(-len(wave) // _HOP)), family.window)
    given = family.inputs(wave, [(start, stop) for start, stop, _, _ in plan])
    for place, window in zip(plan, given):
        yield (clip, *place, n_frames), window
