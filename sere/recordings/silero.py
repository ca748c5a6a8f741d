"""Silero VAD's network, which hears speech in noise and in many languages; MIT licence, by the Silero team.

The weights are those of the package ``silero-vad`` (``pip install "sere[vad]"``), taken out of its TorchScript file
without importing it: the package sets torch's threads for the whole process. (Its safetensors file holds other weights
than the network that it runs.) The computation is written out here, a whole block at a time rather than 32 ms by 32 ms,
and gives the package's own probabilities to rounding (``tests/test_recordings_detectors.py``).

Each step of 512 samples, with the 64 before it and a mirrored end, goes through a short-time spectrum that is learned
with the rest (four frames), four convolutions that make one vector of it, and a recurrent layer.
"""

import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from sere.loops.threads import one_thread

#: Samples between two probabilities (32 ms).
STEP = 512
_BEFORE, _BEHIND = 64, 64
_WIDTH = 128
_HOP = 128
_STRIDES = (1, 2, 2, 1)
_LSTM = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_PREFIX = "_model."


def weights_file() -> Path | None:
    """Return where the weights are, or None where ``silero-vad`` is not installed, or is one without them."""
    found = find_spec("silero_vad")
    places = [] if found is None else found.submodule_search_locations or []
    files = [Path(place) / "data" / "silero_vad.jit" for place in places]
    return next((file for file in files if file.is_file()), None)


class Silero:
    """The network, and what it remembers of a recording so far.

    Parameters
    ----------
    weights : path-like
    """

    step = STEP

    def __init__(self, weights: Path):
        self._weights = _load(str(weights))
        self._lstm = torch.nn.LSTM(_WIDTH, _WIDTH)
        self._lstm.load_state_dict({f"{name}_l0": self._weights[f"decoder.rnn.{name}"] for name in _LSTM})
        self._memory: tuple[torch.Tensor, torch.Tensor] | None = None
        self._rest = np.zeros(0, np.float32)
        self._before = np.zeros(_BEFORE, np.float32)

    def feed(self, wave: np.ndarray) -> np.ndarray:
        """Return the probability of speech in each step that is complete by now, (n,)."""
        together = np.concatenate([self._before, self._rest, wave])
        n = (len(together) - _BEFORE) // STEP
        used = n * STEP
        self._rest = together[_BEFORE + used :]
        self._before = together[used : used + _BEFORE]
        if n == 0:
            return np.zeros(0)
        steps = np.lib.stride_tricks.sliding_window_view(together[: _BEFORE + used], _BEFORE + STEP)[::STEP]
        return self._probabilities(torch.from_numpy(steps.copy()))

    def finish(self) -> np.ndarray:
        """Return the probability of the last step, which silence fills up; empty where none has begun."""
        return self.feed(np.zeros(-len(self._rest) % STEP, np.float32))

    @torch.no_grad()
    def _probabilities(self, steps: torch.Tensor) -> np.ndarray:
        given = self._weights
        with one_thread():
            hidden = F.conv1d(
                F.pad(steps[:, None], (0, _BEHIND), "reflect"), given["stft.forward_basis_buffer"], stride=_HOP
            )
            real, imaginary = hidden.chunk(2, 1)
            hidden = (real.square() + imaginary.square()).sqrt()
            for number, stride in enumerate(_STRIDES):
                weight, bias = (given[f"encoder.{number}.reparam_conv.{kind}"] for kind in ("weight", "bias"))
                hidden = F.relu(F.conv1d(hidden, weight, bias, stride=stride, padding=1))
            remembered, self._memory = self._lstm(hidden[:, :, 0], self._memory)
            scores = F.relu(remembered) @ given["decoder.decoder.2.weight"][0, :, 0] + given["decoder.decoder.2.bias"]
            return torch.sigmoid(scores).numpy().astype(np.float64)


@lru_cache(maxsize=1)
def _load(path: str) -> dict[str, torch.Tensor]:
    """Return the weights of the network for 16 kHz, by the names that the package gives them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
        state = torch.jit.load(path, map_location="cpu").state_dict()
    return {name.removeprefix(_PREFIX): weight for name, weight in state.items() if name.startswith(_PREFIX)}
