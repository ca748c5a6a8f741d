"""Eq. 2: what stands beside what in a clip's enhanced representation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from sere.chain.room import Room
from sere.inputs.params import Rule, choice, number, whole

if TYPE_CHECKING:
    from torch import Tensor

    from sere.kernels import Packed


@dataclass(eq=False, repr=False)
class Embedding(Room):
    """The shape of an enhanced representation, ``z_t = [h_t ; s D(t)]`` (Eq. 2).

    Parameters
    ----------
    dim : int, default=48
        Width of h, which the four dynamics stand beside; half describes the clip, half the moment.
    context_share : float, default=0.5
        Part of h's power that belongs to the clip as a whole, 0..1.
    dynamics_scale : float, default=0.1
        s, the weight of the dynamics beside h.
    gate : {"feature", "frame"}, default="feature"
        One gate per dynamic feature or one per frame.

    Examples
    --------
    >>> from sere import Embedding, SEREClassifier
    >>> SEREClassifier(embedding=Embedding(dim=32)).embedding.widths(True)
    (16, 16)
    """

    dim: int = 48
    context_share: float = 0.5
    dynamics_scale: float = 0.1
    gate: str = "feature"

    _rules: ClassVar[dict[str, Rule]] = {
        "dim": whole(2),
        "context_share": number(0, 1),
        "dynamics_scale": number(0),
        "gate": choice("feature", "frame"),
    }

    def widths(self, with_context: bool) -> tuple[int, int]:
        """Return the columns of h that are the clip's and the moment's.

        Parameters
        ----------
        with_context : bool
            Whether encoders say anything of a clip as a whole.
        """
        return (self.dim // 2, self.dim - self.dim // 2) if with_context else (0, self.dim)


class Embedded(NamedTuple):
    """What the network makes of a pool.

    Attributes
    ----------
    packed : Packed
        Enhanced frames z and burst intensities.
    clips : tensor of shape (n, p)
        Mean of z over each clip's frames.
    evidence : tensor of shape (n, C) or (n, 0)
        What experience says of each class; nothing of it is learned.
    """

    packed: "Packed"
    clips: "Tensor"
    evidence: "Tensor"
