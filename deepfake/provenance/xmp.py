"""XMP, a small XML document in a picture → what it says."""

from __future__ import annotations

from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from deepfake.provenance.clean import clean

MAX_BYTES = 256_000
TIFF, XAP = "{http://ns.adobe.com/tiff/1.0/}", "{http://ns.adobe.com/xap/1.0/}"
PHOTOSHOP, EXIF = "{http://ns.adobe.com/photoshop/1.0/}", "{http://ns.adobe.com/exif/1.0/}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
# XMP writes each property as an attribute or as an element.
NAMES = {
    TIFF + "Make": "make", TIFF + "Model": "model", XAP + "CreatorTool": "software",
    XAP + "CreateDate": "taken", PHOTOSHOP + "DateCreated": "taken", XAP + "ModifyDate": "changed",
    IPTC + "DigitalSourceType": "source_type", EXIF + "GPSLatitude": "gps",
    EXIF + "GPSLongitude": "gps",
}  # fmt: skip
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
RESOURCE = RDF + "resource"


class XmpError(Exception):
    """It is too long, damaged, or declares entities."""


def read(packet: bytes | str) -> dict[str, str]:
    """What is said of the picture itself, by the words in `NAMES`; of a place only "present".

    Pictures that it was made from may be described further inside (`xmpMM:Pantry`).

    Args:
        packet: bytes or str. The document.

    Raises:
        XmpError: it cannot be read safely.
    """
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    packet = packet.strip(b"\0 \r\n\t")
    if len(packet) > MAX_BYTES:
        raise XmpError
    try:
        # Without a DTD there are no entities that grow; the length bounds depth and count.
        root = fromstring(packet, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise XmpError from error
    said: dict[str, str] = {}
    blocks = [root] if root.tag == f"{RDF}RDF" else root.findall(f"{RDF}RDF")
    for description in (one for block in blocks for one in block):
        properties = [(one.tag, one.get(RESOURCE) or one.text) for one in description]
        for name, text in [*description.attrib.items(), *properties]:
            word = NAMES.get(name) if isinstance(name, str) else None
            if word == "gps":
                said[word] = "present"
            elif word and (value := clean(text)):
                said.setdefault(word, value)
    return said
