"""Everything that can go wrong, with a sentence for people.

Each message says what is wrong and what to do. The command line shows it as it is, the page what
of it is `public`, both without a traceback; any other exception that reaches them is a bug.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path


class DeepfakeError(Exception):
    """Base of all errors that this package raises on purpose."""

    @property
    def public(self) -> str:
        """The sentence for visitors of a page."""
        return str(self)


class ImageError(DeepfakeError):
    """A file that cannot be read as a picture, or is over a limit."""


class ModelError(DeepfakeError):
    """A model or manifest that is missing, damaged, changed or incomplete.

    Args:
        sentence: str. What is wrong and what to do.
        path: path. The file or folder that the sentence speaks of, as it stands in it.

    Attributes:
        path: str. The same; "" for none.
    """

    def __init__(self, sentence: str, *, path: str | PathLike[str] = ""):
        super().__init__(sentence)
        self.path = fspath(path)

    @property
    def public(self) -> str:
        """The sentence with the path's name in place of the path.

        Where a model lies on the server is none of a visitor's business.
        """
        sentence, path = str(self), Path(self.path)
        if not path.name or "://" in self.path:
            return sentence
        # Quoted, a path may be spelt otherwise.
        for spelt in {self.path, str(path)}:
            sentence = sentence.replace(repr(spelt), repr(path.name)).replace(spelt, path.name)
        # What else is spoken of lies beside it. A single word may be a part of another one.
        if len(path.parent.parts) > 1:
            folder = str(path.parent)
            for end in ("/", "\\"):
                sentence = sentence.replace(folder + end, "")
            sentence = sentence.replace(folder, "…")
        return sentence


class ModelNotFoundError(ModelError):
    """There is no such model, or a file of it is missing."""


class UnansweredError(ModelError):
    """Its file does not say enough of a model, and nobody has said the rest with an option."""


class UnknownLabelsError(UnansweredError):
    """Nobody has said which output of a model means fake."""


class HostileModelError(ModelError):
    """A model file that holds code, reaches for what lies outside, or promises more than it has."""


class MissingPackageError(ModelError):
    """A model of a kind that needs a package which is not installed."""


class SettingError(DeepfakeError):
    """A setting or option outside its allowed values."""


class TrainingError(DeepfakeError):
    """A training set, option or checkpoint that cannot be trained with."""


class NoFaceError(DeepfakeError):
    """A picture without a face that could be judged, where a score was asked for."""


class VideoError(DeepfakeError):
    """A video that cannot be decoded or written."""


class RecordError(DeepfakeError):
    """A file that is no record of a verdict, or one that cannot be written."""


class MisjudgedError(DeepfakeError):
    """A misjudged photo that cannot be kept, or none to be found."""


class RightlyJudgedError(MisjudgedError):
    """A photo that was to be kept as misjudged, and is not."""


class LimitError(DeepfakeError):
    """A visitor who has to wait before the next analysis.

    Args:
        sentence: str. What is wrong and what to do.
        seconds: float. How long to wait, where that is known.
    """

    def __init__(self, sentence: str, seconds: float | None = None):
        super().__init__(sentence)
        self.seconds = seconds


class LateError(LimitError):
    """An analysis that was not done in time."""

    def __init__(self, sentence: str = "There was no answer in time. Please try again."):
        super().__init__(sentence)


class ScanError(DeepfakeError):
    """A scan that cannot begin or go on: nothing to scan, no room, a file in the way."""
