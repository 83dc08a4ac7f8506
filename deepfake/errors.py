"""Everything that can go wrong, with a sentence for people.

Each message says what is wrong and what to do. The command line and the page show it as it is,
without a traceback; any other exception that reaches them is a bug.
"""


class DeepfakeError(Exception):
    """Base of all errors that this package raises on purpose."""


class ImageError(DeepfakeError):
    """A file that cannot be read as a picture, or is over a limit."""


class ModelError(DeepfakeError):
    """A model or manifest that is missing, damaged, changed or incomplete."""


class SettingError(DeepfakeError):
    """A setting or option outside its allowed values."""


class TrainingError(DeepfakeError):
    """A training set, option or checkpoint that cannot be trained with."""


class NoFaceError(DeepfakeError):
    """A picture without a face that could be judged, where a score was asked for."""


class LimitError(DeepfakeError):
    """A visitor who has to wait before the next analysis."""
