"""The original bytes of a file → Provenance, read defensively."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Literal

from PIL import ExifTags, Image

from deepfake import decoders
from deepfake.errors import ImageError
from deepfake.imaging import claims, sniff
from deepfake.imaging.jpeg_quality import estimate, table_of
from deepfake.imaging.reading import opened
from deepfake.provenance import credentials, png_texts, thumbnail, xmp
from deepfake.provenance.clean import clean
from deepfake.provenance.facts import (
    Credentials,
    Generator,
    JpegQuality,
    Metadata,
    Provenance,
    SourceType,
)
from deepfake.provenance.generators import generators_in
from deepfake.provenance.recompression import earlier_quality
from deepfake.provenance.trust import TrustLists, carried
from deepfake.settings import Settings

MAX_EXIF = 1_000_000
UNREAD = "Metadata of the file could not be read."
XMP_CHUNK = "XML:com.adobe.xmp"
OFFSET, LENGTH = ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount
FACTS = (Provenance, Credentials, Generator, JpegQuality, Metadata, SourceType)
EXIF_START = b"Exif\0\0"


def read(
    data: bytes, settings: Settings | None = None, lists: TrustLists | None = None
) -> Provenance:
    """Read what a file says of where it comes from.

    Args:
        data: bytes. The file as it is, which `imaging.read` reads as a picture.
        settings: Settings. With the limit on pixels, and whether a child process reads
            (`decoders`). Defaults to the environment's.
        lists: TrustLists. To look signers up in. Defaults to those in the package.

    Returns:
        The Provenance. What is damaged, too long or hostile in it is left out, with a note.

    Raises:
        ImageError: it is no picture.
    """
    settings = settings or Settings.from_environment()
    sniff(data)
    try:
        return decoders.run(_read, data, settings, lists, answers=FACTS)
    except ImageError:
        # A child that took too long. It is a picture, whose pixels may be read all the same.
        unread = Credentials("unreadable", note=UNREAD)
        return Provenance(unread, notes=(UNREAD,))


def _read(data: bytes, settings: Settings, lists: TrustLists | None) -> Provenance:
    kind = sniff(data)
    signed = credentials.read(data, kind, lists or carried())
    found = Provenance(signed, source_types=signed.source_types)
    texts = list(png_texts.texts_of(data)) if kind == "PNG" else []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on damaged EXIF
            with opened(data, kind) as image:
                found = _metadata(found, image, texts)
                found = replace(found, thumbnail=_thumbnail(image, kind, settings))
            if found.jpeg is not None:
                compression = replace(found.jpeg, earlier_quality=earlier_quality(data))
                found = replace(found, jpeg=compression)
    except Exception:
        # As in imaging.reading: Pillow raises many types on damaged files.
        found = replace(found, notes=(*found.notes, UNREAD))
    return replace(found, generators=generators_in(texts))


def _metadata(found: Provenance, image: Image.Image, texts: list[tuple[str, str]]) -> Provenance:
    """With EXIF, XMP and quantisation; texts of EXIF are put to the others."""
    if table := table_of(image):
        found = replace(found, jpeg=JpegQuality(*estimate(table)))
    notes = list(found.notes)
    exif: dict[int, Any] = {}
    gps = False
    if len(image.info.get("exif") or b"") > MAX_EXIF:
        notes.append("The EXIF data are too long and were not read.")
    else:
        tags = claims.exif_of(image)
        gps = ExifTags.IFD.GPSInfo in tags
        exif = {**tags, **tags.get_ifd(ExifTags.IFD.Exif)}
    packet = (
        dict(texts).get(XMP_CHUNK) or image.info.get("xmp") or exif.get(ExifTags.Base.XMLPacket)
    )
    said: dict[str, str] = {}
    if isinstance(packet, bytes | str) and packet:
        try:
            said = xmp.read(packet)
        except xmp.XmpError:
            notes.append("The XMP data are damaged, too long or unsafe, and were not read.")
    base = ExifTags.Base
    make = clean(exif.get(base.Make)) or said.get("make", "")
    model = clean(exif.get(base.Model)) or said.get("model", "")
    # Generators write into WebP and JPEG what has no field of its own there.
    for tag in (base.UserComment, base.ImageDescription, base.Make, base.Model):
        texts.append(("", _long_text(exif.get(tag))))
    software = clean(exif.get(base.Software)) or said.get("software", "")
    texts += [("software", software)]
    is_text = bool(
        generators_in([("", _long_text(exif.get(tag))) for tag in (base.Make, base.Model)])
    )
    camera = "" if is_text else (model if model.startswith(make) else f"{make} {model}")
    types = list(found.source_types)
    if source := said.get("source_type", "").rstrip("/").rpartition("/")[2]:
        types.append(SourceType(source, "picture", "xmp"))
    return replace(
        found,
        metadata=Metadata(
            camera=camera.strip(),
            software=software,
            taken=clean(exif.get(base.DateTimeOriginal)) or said.get("taken", ""),
            changed=clean(exif.get(base.DateTime)) or said.get("changed", ""),
            gps=gps or "gps" in said,
        ),
        source_types=tuple(types),
        notes=tuple(notes),
    )


def _long_text(value: object) -> str:
    """A comment; EXIF's start with eight bytes that name their encoding."""
    if isinstance(value, bytes):
        value = value[:MAX_EXIF]
        if value.startswith(b"UNICODE\0"):
            big = value[8:9] == b"\0"
            return value[8:].decode("utf-16-be" if big else "utf-16-le", "replace")
        return value.removeprefix(b"ASCII\0\0\0").decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _thumbnail(
    image: Image.Image, kind: str, settings: Settings
) -> Literal["none", "same", "differs"]:
    raw = image.info.get("exif") or b""
    if kind != "JPEG" or not 0 < len(raw) <= MAX_EXIF:
        return "none"
    if image.width * image.height > settings.max_pixels:
        return "none"
    place = image.getexif().get_ifd(ExifTags.IFD.IFD1)
    start, length = place.get(OFFSET), place.get(LENGTH)
    if not isinstance(start, int) or not isinstance(length, int):
        return "none"
    body = raw.removeprefix(EXIF_START)
    try:
        return thumbnail.compare(body[start : start + length], image)
    except (OSError, ValueError, SyntaxError, ImageError):
        return "none"
