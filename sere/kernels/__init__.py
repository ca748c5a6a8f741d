"""Eq. 3-6 of the paper for whole pools: the maths of :mod:`sere.method`, fast.

:func:`resonance_scores` compares lists of numpy clips; :func:`resonance_field` and
:func:`resonance_aware` do it for training, on tensors whose clips lie end to end
(:class:`Packed`), with gradients, in any :class:`Reading` of Eq. 4. Every result
is tested against :mod:`sere.method`. Same inputs give the same bits; a clip's score depends on the
other clips of a call through floating-point rounding only (a matrix product may sum in another
order when its shape differs).
"""

from sere.kernels.field import resonance_aware, resonance_field
from sere.kernels.packed import Packed
from sere.kernels.reading import Reading
from sere.kernels.scores import resonance_scores

__all__ = ["Packed", "Reading", "resonance_aware", "resonance_field", "resonance_scores"]
