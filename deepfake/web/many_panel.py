"""The panel of the tab "Many files", as HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from deepfake.web.many import Found
from deepfake.web.texts import say, share
from deepfake.web.told import told_html

ICONS = {"fake": "▲", "uncertain": "◆", "real": "●", "not_applicable": "○", "unread": "✕"}
ALL, FLAGGED, UNREAD = "all", "flagged", "unread"


def panel(found: Sequence[Found], shown: str, sentences: Sequence[str]) -> str:
    """A gallery and a table.

    Args:
        found: sequence of Found.
        shown: str. Which: `ALL`, `FLAGGED` or `UNREAD`.
        sentences: sequence of str. What is to be said above.
    """
    rows = [one for one in found if _fits(one, shown)]
    # The most suspicious first; what was not read last.
    rows.sort(
        key=lambda one: -1.0 if one.row["p_fake"] is None else one.row["p_fake"], reverse=True
    )
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    head = f'<div class="many" role="status">{said}</div>'
    if not rows:
        return head
    gallery = "".join(map(_figure, (one for one in rows if one.thumbnail)))
    titles = ("file", "verdict", "score", "remarks")
    columns = "".join(f'<th scope="col">{say(f"many.{title}")}</th>' for title in titles)
    body = "".join(map(_line, rows))
    return (
        f'{head}<p class="soft">{say("many.caveat")}</p><div class="many-gallery">{gallery}</div>'
        f'<table class="many"><caption>{say("many.table")}</caption><thead><tr>{columns}</tr>'
        f"</thead><tbody>{body}</tbody></table>"
    )


def _fits(one: Found, shown: str) -> bool:
    return (
        shown == ALL
        or (shown == FLAGGED and one.is_flagged)
        or (shown == UNREAD and one.row["verdict"] is None)
    )


def _verdict(one: Found) -> str:
    kind = one.row["verdict"] or "unread"
    return f'<span aria-hidden="true">{ICONS[kind]}</span> {say(f"many.word.{kind}")}'


def _score(one: Found) -> str:
    return "–" if one.row["p_fake"] is None else escape(share(one.row["p_fake"]))


def _figure(one: Found) -> str:
    name = escape(one.row["path"])
    address = "data:image/webp;base64," + base64.b64encode(one.thumbnail).decode()
    return (
        f'<figure class="row-{one.row["verdict"]}"><img src="{address}" alt="{name}">'
        f"<figcaption>{_verdict(one)} {_score(one)}</figcaption></figure>"
    )


def _line(one: Found) -> str:
    row = one.row
    if row["error"]:
        remark = told_html(row["error"])
    elif row["duplicate_of"]:
        remark = escape(say("many.same", name=row["duplicate_of"]))
    else:
        faces = escape(say("many.faces", count=row["face_count"]))
        remark = " ".join((faces, *map(told_html, row["notes"])))
    return (
        f'<tr class="row-{row["verdict"] or "failed"}"><th scope="row">{escape(row["path"])}</th>'
        f"<td>{_verdict(one)}</td><td>{_score(one)}</td><td>{remark}</td></tr>"
    )
