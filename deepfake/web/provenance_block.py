"""What the file says of where it comes from, as a block of the page."""

from __future__ import annotations

from html import escape

from deepfake.provenance.facts import Credentials, Provenance
from deepfake.provenance.trust import LISTS_OF
from deepfake.report import Report
from deepfake.web import wording
from deepfake.web.texts import has, say
from deepfake.web.told import told_html


def provenance_block(report: Report | None) -> str:
    """The facts as HTML, apart from the score; open where they say more than the verdict.

    Args:
        report: Report. With its provenance; None, or without, for nothing.
    """
    if report is None or report.provenance is None:
        return ""
    found, verdict = report.provenance, report.own.verdict
    listed = "".join(
        f"<dt>{escape(say(f'fact.{name}'))}</dt><dd>{lines}</dd>"
        for name, lines in _facts(found)
        if lines
    )
    more = found.contradictions(verdict) or (found.says_ai and verdict != "fake")
    opened = " open" if more else ""
    return (
        f'<details class="provenance"{opened}><summary>{escape(say("provenance.title"))}'
        f"</summary><dl>{listed}</dl>{wording.caption('provenance.caption')}</details>"
    )


def _facts(found: Provenance) -> list[tuple[str, str]]:
    """(what, HTML), empty where the file says nothing of it; the verdict has what misfits."""
    metadata, jpeg = found.metadata, found.jpeg
    rows = [("credentials", "<br>".join(_credentials(found.credentials)))]
    for one in found.source_types:
        origin = say(f"source.{one.term if has('source', one.term) else 'other'}")
        lines = [say(f"origin.{one.of}_{one.said_by}", origin=origin, term=one.term)]
        if one.said_by == "credentials":
            lines += _doubts(found.credentials)
        rows.append(("origin", escape(" ".join(lines))))
    for left in found.generators:
        line = say("generator.text", program=left.program, text=left.excerpt)
        rows.append(("generator", escape(line)))
    rows += [
        (name, f"<bdi>{escape(getattr(metadata, name))}</bdi>" if getattr(metadata, name) else "")
        for name in ("camera", "software", "taken", "changed")
    ]
    rows.append(("place", escape(say("place.present")) if metadata.gps else ""))
    if jpeg is not None:
        exact = str(jpeg.quality)
        rows.append(("jpeg", exact if jpeg.exact else escape(say("jpeg.about", quality=exact))))
        if jpeg.earlier_quality is not None:
            rows.append(("earlier", escape(say("jpeg.earlier", quality=jpeg.earlier_quality))))
    if found.thumbnail != "none":
        rows.append(("preview", escape(say(f"preview.{found.thumbnail}"))))
    return rows + [("not_read", told_html(note)) for note in found.notes]


def _credentials(signed: Credentials) -> list[str]:
    note = [told_html(one) for one in _sentences(signed.note)]
    if signed.state == "absent":
        return [escape(say("credentials.absent"))]
    if signed.state != "present":
        return note
    lines = [say("credentials.intact" if signed.intact else "credentials.broken")]
    # Where the signature does not hold, the names in it are worth nothing.
    if signed.intact:
        lines.append(say(f"credentials.{signed.signer_list or 'unknown'}", date=LISTS_OF))
        lines += [say("credentials.signer", name=signed.signer)] if signed.signer else []
        lines += [say("credentials.signed", date=signed.signed)] if signed.signed else []
        lines += [say("credentials.program", name=signed.program)] if signed.program else []
    if signed.ingredients:
        lines.append(say("credentials.ingredients", count=signed.ingredients))
    return [*map(escape, lines), *note]


def _doubts(signed: Credentials) -> list[str]:
    """Why what credentials state may be anybody's invention."""
    if not signed.intact:
        return [say("credentials.broken")]
    return [say("credentials.unknown")] if signed.signer_list == "unknown" else []


def _sentences(note: str) -> list[str]:
    """A note may be several sentences, which are known one by one."""
    return [part.rstrip(".") + "." for part in note.split(". ") if part]
