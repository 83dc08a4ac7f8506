"""Which question of a visitor is the newest: answers to older ones come too late."""

from __future__ import annotations

import threading
from collections import OrderedDict

import gradio as gr

# Visitors whose newest question is known; those beyond have long been answered.
KNOWN = 2000


class Newest:
    """The newest ticket of each visitor's page.

    A browser that hides what has another ticket still takes it in: an older analysis that ends
    after a newer one would take the newer result's place, and nothing would be shown. Gradio can
    cancel events, but not one whose number the browser does not know yet (it then waits for ever).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, str] = OrderedDict()

    def note(self, request: gr.Request | None, ticket: str) -> None:
        """A page asks with this ticket. One that waited while a later one came stays an older one.

        Args:
            request: gradio.Request. The page's.
            ticket: str. It begins with a number that grows (`assets/photo.js`).
        """
        if request is None or request.session_hash is None:
            return
        with self._lock:
            known = self._tickets.get(request.session_hash, "")
            if _number(known) > _number(ticket) > 0:
                return
            self._tickets[request.session_hash] = ticket
            self._tickets.move_to_end(request.session_hash)
            while len(self._tickets) > KNOWN:
                self._tickets.popitem(last=False)

    def holds(self, request: gr.Request | None, ticket: str) -> bool:
        """Whether the page has not asked with another since."""
        if request is None or request.session_hash is None:
            return True
        with self._lock:
            return self._tickets.get(request.session_hash, ticket) == ticket


def _number(ticket: str) -> int:
    first = ticket.partition("-")[0]
    return int(first) if first.isdecimal() and len(first) < 16 else 0
