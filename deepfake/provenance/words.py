"""Provenance → (what, sentence) for people, the same in the terminal and on the page."""

from __future__ import annotations

from deepfake.provenance.facts import Credentials, Provenance, SourceType
from deepfake.provenance.trust import LISTS_OF
from deepfake.verdict import Verdict

NOTHING_MEANT = (
    "Anybody can write or remove most of this. What is missing says nothing: most web sites and "
    "messengers remove it all."
)
EARLIER = (
    "seems to have been compressed before, at about quality {quality}; that is no sign of a fake, "
    "since whatever is saved again or sent on is compressed again"
)
LISTS = {
    "c2pa": f"the signer is on the C2PA trust list (as of {LISTS_OF})",
    "interim": "the signer is on the interim trust list, which is no longer kept",
    "unknown": "the signer is unknown: on no trust list that is carried here",
}
TERMS = {
    "trainedAlgorithmicMedia": "made by AI",
    "compositeWithTrainedAlgorithmicMedia": "changed or put together with AI",
    "trainedAlgorithmicData": "data made by AI",
    "algorithmicMedia": "made by a program without AI training",
    "compositeSynthetic": "put together, with synthetic parts",
    "digitalCapture": "taken by a digital camera",
    "computationalCapture": "taken by a camera that computes the picture of several shots",
}


def facts(provenance: Provenance, verdict: Verdict) -> list[tuple[str, str]]:
    """The facts, the contradictions first.

    Args:
        provenance: Provenance. Of a file.
        verdict: Verdict. On its pixels, for the contradictions.
    """
    metadata = provenance.metadata
    jpeg = provenance.jpeg
    rows = [("Does not fit", one) for one in provenance.contradictions(verdict)]
    rows.append(("Content Credentials", _credentials(provenance.credentials)))
    signed = provenance.credentials
    rows += [("Origin as stated", _source(one, signed)) for one in provenance.source_types]
    rows += [
        ("Image generator", f"{one.program} left a text: “{one.excerpt}”")
        for one in provenance.generators
    ]
    named = {
        "Camera": metadata.camera,
        "Software": metadata.software,
        "Taken": metadata.taken,
        "Changed": metadata.changed,
        "Place": "present in the file; it is not read" if metadata.gps else "",
        "JPEG quality": "" if jpeg is None else f"{'' if jpeg.exact else 'about '}{jpeg.quality}",
        "Earlier compression": (
            ""
            if jpeg is None or jpeg.earlier_quality is None
            else EARLIER.format(quality=jpeg.earlier_quality)
        ),
        "Preview in the file": {
            "none": "",
            "same": "shows the same scene (a changed face alone would not be noticed)",
            "differs": "shows something else",
        }[provenance.thumbnail],
    }  # fmt: skip
    rows += [(name, text) for name, text in named.items() if text]
    return rows + [("Not read", note) for note in provenance.notes]


def _credentials(signed: Credentials) -> str:
    if signed.state == "absent":
        return "none"
    if signed.state != "present":
        return signed.note
    parts = ["present", "intact" if signed.intact else "NOT intact"]
    # Where the signature does not hold, the names in it are worth nothing.
    if signed.intact:
        parts.append(LISTS[signed.signer_list or "unknown"])
        parts += [f"signed by {signed.signer}"] if signed.signer else []
        parts += [f"on {signed.signed}"] if signed.signed else []
        parts += [f"made by {signed.program}"] if signed.program else []
    if signed.ingredients:
        several = "s" if signed.ingredients > 1 else ""
        parts.append(f"{signed.ingredients} earlier picture{several} in its history")
    return "; ".join(parts) + "." + (f" {signed.note}" if signed.note else "")


def _source(one: SourceType, signed: Credentials) -> str:
    by = "XMP, unsigned"
    if one.said_by == "credentials":
        by = "the Content Credentials"
        if not signed.intact:
            by += ", which do NOT fit this file"
        elif signed.signer_list == "unknown":
            by += " of an unknown signer"
    of = "this picture" if one.of == "picture" else "a picture that it was made from"
    return f"{of}: {TERMS.get(one.term, one.term)} ({one.term}; by {by})"
