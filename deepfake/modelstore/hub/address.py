"""`hf://owner/repo[/path][@revision]`: how a model on the Hub is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from deepfake.errors import ModelError

HUB = "hf://"
# The client's own form has the revision behind the repository; ours, behind everything. Branches
# with a slash are written with %2F, except for the Hub's own refs, as the client has it.
REVISION = r"refs/(?:pr|convert)/[^/@]+|[^/@]+"
# `Path("hf://…")` drops one of the slashes.
ADDRESS = re.compile(
    r"hf:/{1,2}(?P<repository>[\w.\-]+/[\w.\-]+)"
    rf"(?:@(?P<first>{REVISION}))?(?P<path>(?:/[^/@]+)*)(?:@(?P<last>{REVISION}))?/?"
)
COMMIT = re.compile(r"[0-9a-f]{40}")
FORM = "hf://owner/repo, hf://owner/repo/file or hf://owner/repo@revision"


@dataclass(frozen=True)
class HubAddress:
    """A place on the Hub.

    Attributes:
        repository: str. "owner/repo".
        path: str. A file or folder in it; "" for the whole.
        revision: str. Branch, tag or commit; "" for the repository's main branch.
    """

    repository: str
    path: str = ""
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """Read an address.

        Args:
            text: str. Such as "hf://owner/repo/onnx/model.onnx@main".

        Raises:
            ModelError: it is not one, or names a data set or a Space.
        """
        found = ADDRESS.fullmatch(text)
        if not found or (found["first"] and found["last"]):
            raise ModelError(f"A model on the Hub is written {FORM}. Received: {text}.")
        if found["repository"].split("/")[0] in ("datasets", "spaces", "buckets"):
            raise ModelError(f"{text} is not a model. A model on the Hub is written {FORM}.")
        path = found["path"].strip("/")
        if any(part in (".", "..") or "\\" in part for part in path.split("/")):
            raise ModelError(f"{path!r} is no path within a repository. Write {FORM}.")
        return cls(found["repository"], path, unquote(found["first"] or found["last"] or ""))

    @property
    def name(self) -> str:
        """Without the revision and `hf://`, for people."""
        return f"{self.repository}/{self.path}".rstrip("/")

    @property
    def is_pinned(self) -> bool:
        """Whether it names a commit, which never changes."""
        return COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        path = f"/{self.path}" if self.path else ""
        revision = self.revision
        if revision and not revision.startswith(("refs/pr/", "refs/convert/")):
            revision = revision.replace("/", "%2F")
        return f"hf://{self.repository}{path}{'@' + revision if revision else ''}"


def is_address(name: object) -> bool:
    """Whether this names something on the Hub rather than a file or folder."""
    return str(name).startswith(("hf:/", "hf:\\"))
