"""Saving fitted models and reading them back, without running anything that a file says."""

from sere.persistence.models import load, save

__all__ = ["load", "save"]
