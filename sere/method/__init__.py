"""The paper's equations 1-10, one function an equation, in plain torch.

These functions are written to be read beside the paper (*Semantic-Emotional Resonance Embedding*,
arXiv:2604.07417, section II). They handle one clip, or one pair of clips, at a time;
:mod:`sere.kernels` computes the same for whole pools and is tested against them.
``docs/paper.md`` lists equation, function, default and options.

Eq. 1-2: :mod:`~sere.method.dynamics`. Eq. 3-6: :mod:`~sere.method.resonance`. Eq. 7:
:mod:`~sere.method.prototypes`. Eq. 8-10: :mod:`~sere.method.losses`. Arrays are accepted wherever
a tensor is; what comes back is a tensor.

The stored copies of the paper lost its formulas and no code was published. What its *words* fix
is marked "stated" in each module; the rest is our reading, and an option lets a reader who
disagrees run theirs.
"""

from sere.method.dynamics import (
    context_gate,
    dynamic_features,
    enhanced_representation,
    normalised_changes,
)
from sere.method.losses import (
    dual_resonance_loss,
    prototype_logits,
    prototype_loss,
    shot_loss,
    total_loss,
)
from sere.method.prototypes import (
    anchor_weights,
    balanced_assignment,
    enhanced_prototypes,
    estimate_shares,
    pseudo_anchors,
    remove_hubs,
)
from sere.method.resonance import (
    burst_intensity,
    highlight_frames,
    resonance_aware,
    resonance_matrix,
    resonance_score,
    resonant_frames,
    unit_frames,
)

__all__ = [
    "anchor_weights",
    "balanced_assignment",
    "burst_intensity",
    "context_gate",
    "dual_resonance_loss",
    "dynamic_features",
    "enhanced_prototypes",
    "enhanced_representation",
    "estimate_shares",
    "highlight_frames",
    "normalised_changes",
    "prototype_logits",
    "prototype_loss",
    "pseudo_anchors",
    "remove_hubs",
    "resonance_aware",
    "resonance_matrix",
    "resonance_score",
    "resonant_frames",
    "shot_loss",
    "total_loss",
    "unit_frames",
]
