"""A record, a photo and a model: do they give the same verdict again?"""

from __future__ import annotations

import base64
import binascii
import io
import json
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from deepfake import imaging, provenance
from deepfake.detector import Detector
from deepfake.imaging import Picture
from deepfake.modelstore.resolve import LoadedModel
from deepfake.record.file import Recorded
from deepfake.record.making import error_rates, rates_at, versions
from deepfake.report import Report
from deepfake.settings import Settings

# Scores that are this close are the same.
TOLERANCE = 1e-6
# A larger difference than this is no matter of processors.
ROUNDING = 1e-3
# Mean difference of the pixels, of 255, of a picture that was compressed and made small twice.
SAME_PICTURE = 6.0
COMPARED_SIDE = 64
# Of provenance: sentences, which another version may word otherwise.
SENTENCES = {"contradictions", "notes"}
NOT_LOOKED_AT = "not_looked_at"

Kind = Literal[
    "file", "model", "version", "faces", "numbers", "verdict", "figures", "provenance", "picture"
]


@dataclass(frozen=True)
class Difference:
    """Something that is not as the record has it.

    Attributes:
        kind: Kind. What differs.
        sentence: str. How, for people.
    """

    kind: Kind
    sentence: str


@dataclass(frozen=True)
class Check:
    """What became of checking a record.

    Attributes:
        report: Report. What this photo and this model give now, at the record's threshold.
        differences: tuple of Difference. Those that the verdict does not bear.
        remarks: tuple of str. What differs without changing anything.
        largest: float. Of the differences between scores; 0 without any.
    """

    report: Report
    differences: tuple[Difference, ...]
    remarks: tuple[str, ...]
    largest: float

    @property
    def holds(self) -> bool:
        """Whether this file and this model give the record's verdict again."""
        return not self.differences


def check(recorded: Recorded, data: bytes, model: LoadedModel, settings: Settings) -> Check:
    """Judge a photo again, with the threshold and limits of a record.

    Args:
        recorded: Recorded.
        data: bytes. The photo, as its file is.
        model: LoadedModel. The model.
        settings: Settings. All but the limits that the record has.

    Returns:
        What is the same and what is not.

    Raises:
        ImageError: the photo cannot be read.
    """
    picture = imaging.read(data, settings)
    limits = recorded.limits
    settings = replace(settings, max_faces=limits.max_faces, min_face=limits.min_face)
    was = recorded.report
    fragility = any(face.variations for face in was.faces)
    report = Detector(model, threshold=was.threshold, settings=settings).detect(
        picture, file=was.file, fragility=fragility
    )
    other = [*_other_file(recorded, picture), *_other_model(recorded, report)]
    remarks = _other_version(recorded)
    if other:
        # Other numbers are no news then.
        return Check(report, tuple(other), remarks, 0.0)
    found, largest = _scores(recorded, report)
    found += _said(recorded, report, picture)
    if isinstance(was.provenance, dict):
        report = replace(report, provenance=provenance.read(data, settings))
        more, remark = _origin(recorded, report)
        found, remarks = [*found, *more], (*remarks, *remark)
    return Check(report, tuple(found), remarks, largest)


def _other_file(recorded: Recorded, picture: Picture) -> list[Difference]:
    was = recorded.report.picture
    if was.sha256 == picture.sha256:
        return []
    return [
        Difference(
            "file",
            f"This is another file. The report is of one with {was.bytes:,} bytes and the SHA-256 "
            f"{was.sha256[:16]}…; this one has {picture.byte_count:,} bytes and "
            f"{picture.sha256[:16]}…. A photo that was saved again, cropped, or sent through a "
            "messenger is another file: ask for the original.",
        )
    ]


def _other_model(recorded: Recorded, report: Report) -> list[Difference]:
    was, now = recorded.report.model, report.model
    if was.sha256 == now["sha256"] and (was.name, was.version) == (now["name"], now["version"]):
        return []
    other = "model"
    if was.sha256 == now["sha256"]:
        # Another calibration, threshold or way of cropping, say.
        other = "version of the model, with the same weights but another model.json"
    return [
        Difference(
            "model",
            f"This is another {other}. The report was made with {was.name} {was.version} (SHA-256 "
            f"{was.sha256[:16]}…); this one is {now['name']} {now['version']} "
            f"({now['sha256'][:16]}…). Name the one of the report with --model.",
        )
    ]


def _other_version(recorded: Recorded) -> tuple[str, ...]:
    was, now, remarks = recorded.versions, versions(), []
    if was.deepfake != now["deepfake"]:
        remarks.append(f"made with deepfake {was.deepfake}, checked with {now['deepfake']}")
    if was.litert != now["litert"]:
        remarks.append(f"made with LiteRT {was.litert}, checked with {now['litert']}")
    return tuple(remarks)


def _scores(recorded: Recorded, report: Report) -> tuple[list[Difference], float]:
    was = recorded.report
    if len(was.faces) != len(report.faces):
        sentence = f"The report has {len(was.faces)} faces; {len(report.faces)} are found now."
        return [Difference("faces", sentence)], 0.0
    found, largest = [], 0.0
    pairs: list[tuple[str, float | None, float | None]] = []
    for number, (old, new) in enumerate(zip(was.faces, report.faces, strict=True), 1):
        if old.box != new.box:
            found.append(
                Difference(
                    "faces",
                    f"Face {number} lies elsewhere: the report has it at {old.box}, it is found "
                    f"at {tuple(new.box)} now.",
                )
            )
        pairs.append((f"Face {number}", old.p_fake, new.p_fake))
        changed: dict[str, float] = {one.name: one.p_fake for one in new.variations}
        for one in old.variations:
            place = f"Face {number}, changed ({one.name})"
            pairs.append((place, one.p_fake, changed.get(one.name)))
    whole = None if was.whole_picture is None else was.whole_picture.p_fake
    pairs.append(("The picture as a whole", whole, report.whole_picture_p_fake))
    pairs.append(("The picture's score", was.p_fake, report.p_fake))
    for name, before, now in pairs:
        if before is None or now is None:
            apart = 0.0 if before == now else 1.0
        else:
            apart = abs(before - now)
        largest = max(largest, apart)
        if apart > TOLERANCE:
            found.append(
                Difference(
                    "numbers", f"{name}: P(fake) was {_said_of(before)}, is {_said_of(now)}."
                )
            )
    return found, largest


def _said(recorded: Recorded, report: Report, picture: Picture) -> list[Difference]:
    """What follows from the scores, and what stands beside them."""
    was, found = recorded.report, []
    today = recorded.versions.deepfake == versions()["deepfake"]
    faces = zip(was.faces, report.faces, strict=False)
    if was.verdict != report.verdict or any(a.verdict != b.verdict for a, b in faces):
        found.append(
            Difference(
                "verdict",
                f"The report says “{was.verdict}” ({was.sentence}); this file and this model give "
                f"“{report.verdict}” ({report.sentence}) at the same threshold.",
            )
        )
    # Older ones have the plain sentence, whatever the threshold.
    elif today and was.sentence != (
        report.plain_sentence if recorded.own is None else report.sentence
    ):
        found.append(
            Difference(
                "verdict",
                f"The report's sentence was “{was.sentence}”, and is “{report.sentence}”.",
            )
        )
    own, now = recorded.own, report.own
    if own is not None and (
        (own.threshold, own.verdict, own.called)
        != (now.threshold, now.verdict, report.manifest.called)
        or (today and own.sentence != now.sentence)
    ):
        found.append(
            Difference(
                "verdict",
                f"At the model's own threshold the report says “{own.verdict}” ({own.called}: "
                f"{own.sentence}), and it is “{now.verdict}” ({report.manifest.called}: "
                f"{now.sentence}).",
            )
        )
    # Older ones have the rates at the threshold itself, and do not count the faces.
    rates = (
        error_rates(report)
        if "faces" in recorded.error_rates
        else rates_at(report.manifest, report.threshold)
    )
    if any(recorded.error_rates.get(name) != rate for name, rate in rates.items()):
        found.append(
            Difference("figures", "The error rates in the report are not those of this model.")
        )
    if recorded.pictures is not None and not _shows(recorded.pictures.picture, picture):
        found.append(Difference("picture", "The picture that the report shows is not this photo."))
    return found


def _origin(recorded: Recorded, report: Report) -> tuple[list[Difference], list[str]]:
    """What the file says of itself; as far as it can be read, and by today's lists, here."""
    was = recorded.report.provenance
    now = json.loads(json.dumps(report.to_dict()["provenance"]))
    left_out, remarks = {"trust_list_date"}, []
    if recorded.versions.deepfake != versions()["deepfake"]:
        left_out |= SENTENCES
    if isinstance(was.get("jpeg"), dict) and now["jpeg"] is not None:
        # Earlier programs knew less of it.
        now["jpeg"] = {name: one for name, one in now["jpeg"].items() if name in was["jpeg"]}
    signed = [facts.get("credentials") for facts in (was, now)]
    if any(not isinstance(one, dict) or one.get("state") == NOT_LOOKED_AT for one in signed):
        left_out |= {"credentials", "source_types", *SENTENCES}
        remarks.append("the Content Credentials were not compared: c2pa-python is, or was, missing")
    elif was.get("trust_list_date") != now["trust_list_date"]:
        # Who is on the list may differ.
        was, now = (
            {**facts, "credentials": {**one, "signer_list": None}}
            for facts, one in zip((was, now), signed, strict=True)
        )
    differ = [name for name in now if name not in left_out and was.get(name) != now[name]]
    if not differ:
        return [], remarks
    sentence = "The file says other things of itself than the report has: "
    return [
        Difference("provenance", sentence + ", ".join(n.replace("_", " ") for n in differ) + ".")
    ], remarks


def _shows(address: str, picture: Picture) -> bool:
    """Whether a record's picture, made small, looks like a photo made small."""
    try:
        data = base64.b64decode(address.partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            shown = _small(image.convert("RGB"))
    except (binascii.Error, OSError, ValueError, Image.DecompressionBombError):
        return False
    own = _small(Image.fromarray(picture.pixels))
    return float(np.abs(shown - own).mean()) < SAME_PICTURE


def _small(image: Image.Image) -> np.ndarray:
    side = (COMPARED_SIDE, COMPARED_SIDE)
    return np.asarray(image.resize(side, Image.Resampling.BOX, reducing_gap=2.0), np.float32)


def _said_of(p_fake: float | None) -> str:
    return "none" if p_fake is None else f"{p_fake:.7f}"
