"""Frame encoders: embedded descriptors, pretrained checkpoints, and which one a language gets."""

from sere.encoders.base import Encoded, FrameEncoder
from sere.encoders.emotion import EmotionEncoder

__all__ = ["EmotionEncoder", "Encoded", "FrameEncoder"]
