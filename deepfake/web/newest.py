"""What a visitor's page said last: answers to what it said before come too late."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

import gradio as gr

# Visitors of whom it is known; those beyond have long been answered.
KNOWN = 2000
Value = TypeVar("Value")


class Latest(Generic[Value]):
    """The value that each visitor's page said last, such as its threshold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[str, Value] = OrderedDict()

    def note(self, request: gr.Request | None, value: Value) -> None:
        """A page says this.

        Args:
            request: gradio.Request. The page's.
            value: the value.
        """
        if request is None or request.session_hash is None:
            return
        with self._lock:
            if self._is_old(value, self._values.get(request.session_hash, value)):
                return
            self._values[request.session_hash] = value
            self._values.move_to_end(request.session_hash)
            while len(self._values) > KNOWN:
                self._values.popitem(last=False)

    def get(self, request: gr.Request | None, otherwise: Value) -> Value:
        """What the page has said last, as far as that is known."""
        if request is None or request.session_hash is None:
            return otherwise
        with self._lock:
            return self._values.get(request.session_hash, otherwise)

    def _is_old(self, value: Value, known: Value) -> bool:
        return False


class Newest(Latest[str]):
    """The newest ticket of each visitor's page. It begins with a number that grows (`photo.js`).

    A browser that hides what has another ticket still takes it in: an older analysis that ends
    after a newer one would take the newer result's place, and nothing would be shown. Gradio can
    cancel events, but not one whose number the browser does not know yet (it then waits for ever).
    """

    def holds(self, request: gr.Request | None, ticket: str) -> bool:
        """Whether the page has not asked with another since."""
        return self.get(request, ticket) == ticket

    def _is_old(self, value: str, known: str) -> bool:
        # One that waited while a later one came stays an older one.
        return _number(known) > _number(value) > 0


def _number(ticket: str) -> int:
    first = ticket.partition("-")[0]
    return int(first) if first.isdecimal() and len(first) < 16 else 0
