"""Content Credentials: present, intact, who signed, what they say of AI."""

import importlib.util
import io

import pytest
from PIL import Image

from deepfake import provenance
from deepfake.provenance.trust import TrustLists, carried
from deepfake.provenance.words import facts
from tests.conftest import EXAMPLES
from tests.provenance.signing import Authority

pytest.importorskip("c2pa")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def plain():
    buffer = io.BytesIO()
    Image.open(EXAMPLES / "eileen_collins.png").convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def camera(authority, plain):
    return authority.sign(plain, "digitalCapture")


def read(data, **lists):
    return provenance.read(data, lists=TrustLists(**{"c2pa": Authority("Other").root, **lists}))


def test_without_credentials_they_are_absent(plain):
    assert provenance.read(plain).credentials.state == "absent"


def test_a_signer_on_the_list(authority, camera):
    found = read(camera, c2pa=authority.root)
    signed = found.credentials
    assert (signed.state, signed.intact, signed.signer_list) == ("present", True, "c2pa")
    assert signed.signer == "Test Camera, Test Cameras"
    assert signed.program == "Test Program 7"
    assert [(one.term, one.ai, one.of) for one in found.source_types] == [
        ("digitalCapture", False, "picture")
    ]
    assert signed.signed == ""  # no time stamp
    assert "on the C2PA trust list" in dict(facts(found, "real"))["Content Credentials"]


def test_signers_on_other_lists_are_not_on_the_list(authority, camera):
    assert provenance.read(camera).credentials.signer_list == "unknown"
    assert read(camera).credentials.signer_list == "unknown"
    assert read(camera, interim=authority.root).credentials.signer_list == "interim"
    # Who may say when may not sign pictures.
    assert read(camera, times=authority.root).credentials.signer_list == "unknown"


def test_the_lists_in_the_package_are_lists():
    assert carried().c2pa.count("BEGIN CERTIFICATE") > 5
    assert carried().times.count("BEGIN CERTIFICATE") > 5


def test_a_changed_picture_is_not_intact(authority, camera):
    changed = bytearray(camera)
    changed[-3000] ^= 0x55
    found = read(bytes(changed), c2pa=authority.root)
    assert found.credentials.intact is False
    assert found.credentials.signer_list == "unknown"
    assert "do not fit this file" in found.contradictions("real")[0]
    told = dict(facts(found, "real"))["Content Credentials"]
    assert "NOT intact" in told and "Test Camera" not in told and "made by" not in told
    # Nor is what they state a fact.
    assert "which do NOT fit this file" in dict(facts(found, "real"))["Origin as stated"]


def test_what_an_unknown_signer_states_is_said_to_be_of_one(authority, camera):
    origin = dict(facts(read(camera), "real"))["Origin as stated"]
    assert "digital camera" in origin and "of an unknown signer" in origin
    known = dict(facts(read(camera, c2pa=authority.root), "real"))["Origin as stated"]
    assert known.endswith("by the Content Credentials)")


def test_damaged_credentials_are_said_to_be_damaged(camera):
    place = camera.index(b"c2pa.claim")
    damaged = camera[: place - 60] + bytes(400) + camera[place + 340 :]
    signed = provenance.read(damaged).credentials
    assert signed.state == "unreadable" or signed.intact is False


def test_an_ai_mark_of_a_parent_is_named(authority, plain):
    parent = authority.sign(plain, "trainedAlgorithmicMedia")
    found = read(authority.sign(plain, parent=parent), c2pa=authority.root)
    assert found.credentials.ingredients == 1
    (mark,) = found.source_types
    assert (mark.term, mark.ai, mark.of) == ("trainedAlgorithmicMedia", True, "ingredient")
    assert any("AI made or changed" in one for one in found.contradictions("real"))
    assert not found.contradictions("fake")
    assert "made by AI" in dict(facts(found, "fake"))["Origin as stated"]


def test_camera_and_pixels_that_contradict(authority, camera):
    found = read(camera, c2pa=authority.root)
    assert ["a camera took" in one for one in found.contradictions("fake")] == [True]
    assert found.contradictions("real") == found.contradictions("uncertain") == ()


def test_png_and_webp_have_credentials_too(authority):
    for name, mime in (("PNG", "image/png"), ("WEBP", "image/webp")):
        buffer = io.BytesIO()
        Image.open(EXAMPLES / "eileen_collins.png").convert("RGB").save(buffer, name)
        signed = authority.sign(buffer.getvalue(), "digitalCapture", mime=mime)
        assert read(signed, c2pa=authority.root).credentials.signer_list == "c2pa"


def test_without_the_library_it_says_that_it_did_not_look(camera, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    signed = provenance.read(camera).credentials
    assert signed.state == "not_looked_at" and "deepfake[credentials]" in signed.note
