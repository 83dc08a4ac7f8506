"""Where a photo comes in, and what holds its results to it.

The browser makes a ticket for each choice of a photo and shows only what comes back with the latest
one (`assets/photo.js`, which also takes what is chosen, dropped and pasted). So a result never
stands beside another photo, whatever was slow, lost or refused on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepfake.settings import Settings
from deepfake.web.gradio_internals import PhotoInput, VideoInput
from deepfake.web.language import CATALOGUES, DEFAULT
from deepfake.web.placed import placed
from deepfake.web.texts import megabytes, say
from deepfake.web.wording import REFUSED


@dataclass(frozen=True)
class Intake:
    """The components of a tab that a photo comes in by.

    Attributes:
        place: str. What the script calls the tab: "photo", "compare" or "video".
        photo: gradio.Image or gradio.Video. The photo, or video.
        ticket: gradio.Textbox. The last input of each handler: the script signs it.
        put: gradio.Button. Pressed by the script, to put a photo in or take one out.
    """

    place: str
    photo: gr.Image | gr.Video
    ticket: gr.Textbox
    put: gr.Button

    @classmethod
    def lay_out(cls, place: str, **options: Any) -> Intake:
        """Make the components.

        Args:
            place: str. As in the attribute.
            **options: further options of `gradio.Image`, or of `gradio.Video`.
        """
        photo: gr.Image | gr.Video
        if place == "video":
            # The browser asks for the camera only: sound is not analysed.
            photo = VideoInput(
                label=placed(say, "video.label"), include_audio=False, buttons=[], **options
            )  # fmt: skip
        else:
            photo = PhotoInput(
                label=placed(say, "photo.label"), type="filepath", image_mode=None, buttons=[],
                **options,
            )  # fmt: skip
        ticket = gr.Textbox("", visible="hidden", label="ticket")
        put = gr.Button(visible="hidden", elem_id=f"{place}-put")
        return cls(place, photo, ticket, put)

    @property
    def sign(self) -> str:
        """The script that puts the ticket into an event's inputs."""
        return self._call("sign")

    @property
    def sign_shown(self) -> str:
        """The same for what is done with a result: no ticket where none of this photo is shown."""
        return self._call("sign_shown")

    @property
    def rejudge(self) -> str:
        """The same with a new ticket: the photo stays, but its result does not."""
        return self._call("rejudge")

    def connect(self, forget: dict[str, Any], emptied: Sequence[Any] = ()) -> None:
        """Have photos come in, and go.

        Args:
            forget: dict. Function, inputs and outputs of the event that a photo was removed.
            emptied: sequence. Components with pictures of the result. A browser shows the picture
                before until the next is there, so they are emptied in between.
        """
        place, private = f"window.deepfake.{self.place}", {"api_visibility": "private"}
        nothing = ", null" * len(emptied)
        self.put.click(
            None, None, [self.photo, *emptied], js=f"() => [{place}.value{nothing}]",
            **private,
        ).then(None, js=f"() => {{ {place}.ask_for() }}", **private)  # fmt: skip
        self.photo.upload(
            None, [self.photo], [*emptied], **private,
            js=f"(photo) => [{place}.arrived(photo){nothing}].slice(1)",
        )  # fmt: skip
        self.photo.clear(**forget, js=self._call("cleared"), show_progress="hidden", **private)

    def _call(self, method: str) -> str:
        return f"(...inputs) => window.deepfake.{self.place}.{method}(inputs)"


def photo_words(max_bytes: int) -> dict[str, Any]:
    """What the script says of a photo that has no answer yet, or gets none.

    Args:
        max_bytes: int. The largest file that is taken.
    """
    said = [name for name in CATALOGUES[DEFAULT] if name.startswith("intake.")]
    said.remove("intake.too_large")
    return {
        **{name.removeprefix("intake."): placed(say, name) for name in said},
        "failed": placed(say, REFUSED),
        "too_large": placed(lambda: say("intake.too_large", size=megabytes(max_bytes))),
        "max_bytes": max_bytes,
    }


def video_words(settings: Settings) -> dict[str, Any]:
    """The same of a video.

    Args:
        settings: Settings. The largest file that is taken.
    """
    names = [
        name.removeprefix("video.intake.")
        for name in CATALOGUES[DEFAULT]
        if name.startswith("video.intake.")
    ]
    size = settings.max_video_bytes
    large = placed(lambda: say("video.intake.too_large", size=megabytes(size)))
    others = {
        name: placed(say, f"video.intake.{name}") for name in names if name != "too_large"
    }  # fmt: skip
    return {**others, "too_large": large, "max_bytes": size}


def notice(name: str) -> gr.HTML:
    """Lay out where the script says what happens to a photo, and why it has no result.

    Args:
        name: str. What the script and the page's style call it.
    """
    return gr.HTML('<div class="notice" aria-live="polite"></div>', elem_id=name)


def ticketed(panel: str, ticket: str, preview: str = "") -> str:
    """The panel of an answer, as HTML, with the ticket of the photo that it is about.

    Args:
        panel: str. HTML.
        ticket: str. As the browser sent it.
        preview: str. Address of a JPEG of the photo, for browsers that do not show its file.
    """
    shown = f' data-preview="{escape(preview)}"' if preview else ""
    return f'<div data-ticket="{escape(ticket)}"{shown}>{panel}</div>'
