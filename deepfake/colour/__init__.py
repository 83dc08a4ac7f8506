"""Values, profiles and codes of colour → RGB in sRGB."""

from deepfake.colour.srgb import to_srgb

__all__ = ["to_srgb"]
