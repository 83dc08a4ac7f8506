"""The orientation that a camera wrote → pixels that stand upright."""

from __future__ import annotations

from PIL import Image

from deepfake.imaging import claims

EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn_upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Turn a picture as its EXIF data says.

    Args:
        image: Image. Decoded.

    Returns:
        (the picture, turned where it must be; sentences on what went wrong).
    """
    try:
        orientation = claims.exif_of(image).get(EXIF_ORIENTATION, 1)
    except Exception:
        # Pillow's EXIF reader, too, raises whatever a damaged block leads it to.
        return image, ["The EXIF data is damaged; the picture was taken as it lies."]
    if orientation not in UPRIGHT:
        return image, []
    turned = image.transpose(UPRIGHT[orientation])
    turned.info = image.info
    return turned, []
