"""EXIF, XMP, texts of generators, compression, previews; and files that mean harm."""

import io
import json
import zlib

import pytest
from PIL import ExifTags, Image, ImageEnhance, PngImagePlugin

from deepfake import provenance
from deepfake.errors import ImageError
from deepfake.provenance.words import facts
from tests.conftest import EXAMPLES

COLLINS = Image.open(EXAMPLES / "eileen_collins.png").convert("RGB")
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Painter 3"
 xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51.4N">
 <i:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</i:DigitalSourceType>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def saved(image=COLLINS, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_exif(**tags):
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    return exif


def with_text(name, text, compressed=False):
    info = PngImagePlugin.PngInfo()
    info.add_text(name, text, zip=compressed)
    return saved(kind="PNG", pnginfo=info)


def test_camera_software_and_times():
    exif = with_exif(
        Make="NIKON", Model="NIKON D90", Software="Darkroom 5", DateTime="2024:01:02 03:04:05"
    )
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2023:12:31 23:59:59"
    found = provenance.read(saved(exif=exif)).metadata
    assert found.camera == "NIKON D90" and found.software == "Darkroom 5"
    assert (found.taken, found.changed) == ("2023:12:31 23:59:59", "2024:01:02 03:04:05")
    assert not found.gps


def test_a_place_is_present_and_never_shown():
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {1: "N", 2: (48.0, 51.0, 24.0), 3: "E", 4: (2, 17, 40)}
    )
    found = provenance.read(saved(exif=exif))
    assert found.metadata.gps
    for text in (str(found), json.dumps(found.to_dict("real")), str(facts(found, "real"))):
        assert "48" not in text and "51" not in text and "17" not in text
    assert dict(facts(found, "real"))["Place"].startswith("present")


def test_xmp_tells_what_made_the_picture():
    found = provenance.read(saved(xmp=XMP.encode()))
    assert found.metadata.software == "Painter 3" and found.metadata.gps
    (mark,) = found.source_types
    assert (mark.term, mark.ai, mark.said_by) == ("trainedAlgorithmicMedia", True, "xmp")
    assert "51.4" not in str(found)


def test_what_xmp_says_of_pictures_inside_is_not_said_of_this_one():
    inside = XMP[XMP.index("<rdf:Description") : XMP.index("</rdf:RDF>")]
    head = XMP[: XMP.index("<rdf:Description")]
    pantry = (
        f'{head}<rdf:Description xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><xmpMM:Pantry>'
        f"<rdf:Bag><rdf:li>{inside}</rdf:li></rdf:Bag></xmpMM:Pantry></rdf:Description>"
        f"{XMP[XMP.index('</rdf:RDF>') :]}"
    )
    found = provenance.read(saved(xmp=pantry.encode()))
    assert found.notes == () and found.source_types == ()
    assert (found.metadata.software, found.metadata.gps) == ("", False)


@pytest.mark.parametrize("compressed", [False, True])
def test_generators_are_named_by_their_texts(compressed):
    parameters = "portrait of a nurse\nSteps: 30, Sampler: Euler a, CFG scale: 7, Seed: 1"
    graph = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
    for name, text, program in (
        ("parameters", parameters, "Stable Diffusion web UI"),
        ("prompt", graph, "ComfyUI"),
        ("invokeai_metadata", "{}", "InvokeAI"),
    ):
        found = provenance.read(with_text(name, text, compressed))
        assert [one.program for one in found.generators] == [program]
        assert found.contradictions("real") and not found.contradictions("fake")
    assert not provenance.read(with_text("Comment", "Steps: to the left")).generators


def test_generators_are_named_by_exif_too():
    exif = Image.Exif()
    comment = b"UNICODE\0" + "cat\nSteps: 9, Sampler: DDIM, Seed: 2".encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    assert provenance.read(saved(exif=exif)).generators[0].program == "Stable Diffusion web UI"
    webp = saved(kind="WEBP", exif=with_exif(Make='prompt:{"3": {"class_type": "KSampler"}}'))
    found = provenance.read(webp)
    assert found.generators[0].program == "ComfyUI" and found.metadata.camera == ""


@pytest.mark.parametrize("quality", [5, 40, 75, 90, 100])
def test_jpeg_quality_is_that_it_was_saved_with(quality):
    found = provenance.read(saved(quality=quality)).jpeg
    assert (found.quality, found.exact) == (quality, True)


def test_tables_of_others_are_called_about():
    table = [min(255, 3 + i) for i in range(64)]
    assert not provenance.read(saved(qtables=[table, table])).jpeg.exact
    assert provenance.read(saved(kind="PNG")).jpeg is None


def exif_with(jpeg):
    """EXIF with a second directory, as cameras write it for a preview; Pillow does not."""
    first = b"MM\0*\0\0\0\x08" + b"\0\0" + (14).to_bytes(4, "big")
    rows = b"".join(
        tag.to_bytes(2, "big") + b"\0\x04\0\0\0\x01" + value.to_bytes(4, "big")
        for tag, value in ((0x201, 44), (0x202, len(jpeg)))
    )
    return b"Exif\0\0" + first + b"\0\x02" + rows + bytes(4) + jpeg


def test_a_preview_with_scans_without_end_is_not_decoded():
    small = saved(COLLINS.resize((48, 48)), quality=15, progressive=True)
    # Its last scan again and again: each is a pass over all pixels.
    scan = small[small.rindex(b"\xff\xda") : -2]
    many = small[:-2] + 150 * scan + small[-2:]
    assert len(many) < 60_000
    assert provenance.read(saved(exif=exif_with(small))).thumbnail == "same"
    assert provenance.read(saved(exif=exif_with(many))).thumbnail == "none"


def test_a_preview_of_another_picture_differs():
    def preview(image):
        small = image.resize((160, 160 * image.height // image.width))
        return provenance.read(saved(exif=exif_with(saved(small, quality=80))))

    assert preview(COLLINS).thumbnail == "same"
    assert preview(ImageEnhance.Brightness(COLLINS).enhance(1.4)).thumbnail == "same"
    other = preview(Image.open(EXAMPLES / "grace_hopper.jpg").convert("RGB"))
    assert other.thumbnail == "differs"
    assert "preview" in other.contradictions("real")[0]
    assert provenance.read(saved()).thumbnail == "none"


def test_entities_that_grow_are_not_read():
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + XMP.replace(
        "Painter 3", "&b;"
    )
    for packet in (bomb, "<" * 1000, "<a>" * 20_000, XMP[:100]):
        found = provenance.read(saved(xmp=packet.encode()))
        assert found.metadata.software == "" and "XMP" in found.notes[0]


def test_texts_that_grow_are_cut():
    packed = b"parameters\0\0" + zlib.compress(bytes(50_000_000))
    chunk = len(packed).to_bytes(4, "big") + b"zTXt" + packed
    chunk += zlib.crc32(b"zTXt" + packed).to_bytes(4, "big")
    png = saved(kind="PNG")
    assert provenance.read(png[:33] + chunk + png[33:]).generators == ()


def test_codes_and_lengths_of_strangers_are_taken_out():
    exif = with_exif(Model="Cam\x1b[31m\u202era\n<b>" + "x" * 5000)
    camera = provenance.read(saved(exif=exif)).metadata.camera
    assert len(camera) <= 120 and camera.isprintable()


@pytest.mark.parametrize("cut", [30, 200, 4000])
def test_damaged_files_do_not_raise(cut):
    whole = saved(exif=exif_with(saved(COLLINS.resize((160, 120)), quality=80)), xmp=XMP.encode())
    provenance.read(whole[:cut])
    provenance.read(whole[:cut] + b"\xff" * 50 + whole[cut + 50 :])


def test_what_is_no_picture_is_an_error():
    with pytest.raises(ImageError):
        provenance.read(b"no picture at all")


def test_the_detector_reads_it_where_asked(detector, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(saved(exif=with_exif(Model="Cam 1")))
    report = detector.detect(path, provenance=True)
    assert report.file == str(path)
    assert report.to_dict()["provenance"]["metadata"]["camera"] == "Cam 1"
    assert detector.detect(path).to_dict()["provenance"] is None
