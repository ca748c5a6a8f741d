"""How two frames resonate (paper Eq. 4), and by what that changes: what every engine of the field is told.

The forms and gaps are those of :func:`sere.method.resonance_matrix`; here they come with their derivatives, and work in
place.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sere.method.resonance import FORMS, GAPS


class Reading(NamedTuple):
    """A reading of Eq. 4.

    Attributes
    ----------
    tau : float or 0-dim tensor, > 0
        Temperature of the synchrony; a tensor may ask for its gradient.
    form : {"product", "raw", "sum"}
        How semantics and synchrony meet.
    gap : {"exponential", "gaussian"}
        How the synchrony decays with the gap of the intensities.

    Examples
    --------
    >>> from sere.kernels import Reading
    >>> Reading(tau=0.5, gap="gaussian")
    Reading(tau=0.5, form='product', gap='gaussian')
    """

    tau: Tensor | float
    form: str = "product"
    gap: str = "exponential"

    def beside(self, frames: Tensor) -> "Reading":
        """Return the same with `tau` as a tensor of the frames' type and device, as engines expect it.

        Raises
        ------
        ValueError
            If `tau` is a number and not positive, or `form` or `gap` is none of theirs.
        """
        if not isinstance(self.tau, Tensor) and not self.tau > 0:
            raise ValueError(f"tau must be > 0, got {self.tau}")
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {FORMS}, got {self.form!r}")
        if self.gap not in GAPS:
            raise ValueError(f"gap must be one of {GAPS}, got {self.gap!r}")
        return self._replace(tau=torch.as_tensor(self.tau, dtype=frames.dtype, device=frames.device))

    def detached(self) -> "Reading":
        """Return the same without a gradient for `tau`."""
        return self._replace(tau=self.tau.detach()) if isinstance(self.tau, Tensor) else self

    def resonance(self, cosine: Tensor, delta: Tensor) -> Tensor:
        """R for cosines and intensity gaps; may overwrite both."""
        return self._combine(cosine, self._synchrony(delta))

    def slopes(self, cosine: Tensor, delta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """R and its derivatives by the cosine, the intensity gap and tau; may overwrite the cosines."""
        sync = self._synchrony(delta.clone())
        by_cosine, by_sync = self._slopes_of_parts(cosine, sync)
        by_delta, by_tau = (by_sync * slope for slope in self._slopes_of_synchrony(delta, sync))
        return self._combine(cosine, sync), by_cosine, by_delta, by_tau

    def _synchrony(self, delta: Tensor) -> Tensor:
        """S for intensity gaps, in their place."""
        if self.gap == "exponential":
            return delta.abs_().div_(-self.tau).exp_()
        return delta.square_().div_(-2 * self.tau**2).exp_()

    def _combine(self, cosine: Tensor, sync: Tensor) -> Tensor:
        """R for cosines and synchronies, in the cosines' place."""
        if self.form == "raw":
            return cosine.mul_(sync)
        semantics = cosine.add_(1).mul_(0.5)
        return semantics.mul_(sync) if self.form == "product" else semantics.add_(sync).mul_(0.5)

    def _slopes_of_parts(self, cosine: Tensor, sync: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of R by the cosine and by the synchrony."""
        if self.form == "product":
            return sync / 2, (1 + cosine) / 2
        if self.form == "raw":
            return sync, cosine
        return torch.full_like(cosine, 0.25), torch.full_like(sync, 0.5)

    def _slopes_of_synchrony(self, delta: Tensor, sync: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of the synchrony by the intensity gap and by tau."""
        if self.gap == "exponential":
            return -torch.sign(delta) * sync / self.tau, delta.abs() * sync / self.tau**2
        return -delta * sync / self.tau**2, delta.square() * sync / self.tau**3
