"""Reads a pickled Keras 3 model without running what is pickled.

Keras 3 pickles a model as the call `Model._unpickle_model(BytesIO(archive))`, where the archive is
a `.keras` file (`keras/src/saving/keras_saveable.py`). Here that call hands out the archive instead
of loading it with `safe_mode=False`, and every other name in the pickle is refused.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from deepfake.errors import ModelError
from deepfake.modelstore.inspection import check_size
from deepfake.settings import Settings

UNPICKLE = "_unpickle_model"
RE_EXPORT = (
    "Where the model was made, run model.save('model.keras') and name that file. A pickle can run "
    "any code when it is opened, so only pickled Keras 3 models are read, without running them."
)


def read_archive(path: Path, settings: Settings) -> bytes:
    """Take the `.keras` archive out of a pickled Keras 3 model.

    Args:
        path: Path. A file written by `pickle.dump` or `joblib.dump`.
        settings: Settings. The largest file that is opened.

    Returns:
        The bytes of the `.keras` archive, not yet checked.

    Raises:
        ModelError: the file is too large, or holds anything else.
    """
    check_size(path, settings)
    try:
        with path.open("rb") as file:
            found = _KerasUnpickler(file).load()
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} is not a pickled Keras 3 model: {error}. {RE_EXPORT}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from error
    except Exception as error:
        # A pickle is a little program: a damaged one ends in any kind of error.
        raise ModelError(f"{path} is a damaged pickle. {RE_EXPORT}") from error
    if not isinstance(found, _Archive):
        raise ModelError(
            f"{path} is not a pickled Keras 3 model: it holds {_what(found)}. {RE_EXPORT}"
        )
    return found.content


class _Archive:
    """What `_unpickle_model` returns here."""

    def __init__(self, content: bytes):
        self.content = content

    # A pickle may set the state of whatever it gets hold of, classes included.
    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the state of a model")


class _Buffer:
    """Stands in for `io.BytesIO`: the state of one is (content, position, attributes)."""

    content = b""

    def __setstate__(self, state: Any) -> None:
        content, _, _ = state
        if not isinstance(content, bytes):
            raise pickle.UnpicklingError("it does not hold a .keras archive")
        self.content = content


class _Name:
    """Stands in for a name in the pickle; cannot be changed by it."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes a name")


class _KerasClass(_Name):
    """`keras.src.models.….Sequential`, `Functional` or `Model`."""

    __slots__ = ()


class _UnpickleModel(_Name):
    """`keras.Model._unpickle_model`."""

    __slots__ = ()

    def __call__(self, archive: object) -> _Archive:
        if not isinstance(archive, _Buffer):
            raise pickle.UnpicklingError("it does not hold a .keras archive")
        return _Archive(archive.content)


class _GetAttr(_Name):
    """`builtins.getattr`, of one attribute of one class."""

    __slots__ = ()

    def __call__(self, owner: object, name: object) -> _UnpickleModel:
        if not isinstance(owner, _KerasClass) or name != UNPICKLE:
            raise pickle.UnpicklingError(f"it asks for {name!r}")
        return _UnpickleModel()


class _KerasUnpickler(pickle.Unpickler):
    """Knows the three names of a pickled Keras 3 model; every other is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("builtins", "getattr"), ("__builtin__", "getattr")):
            return _GetAttr()
        if (module, name) in (("_io", "BytesIO"), ("io", "BytesIO")):
            return _Buffer
        if module.startswith("keras.src.models.") and name in ("Sequential", "Functional", "Model"):
            return _KerasClass()
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _what(found: object) -> str:
    return f"a {type(found).__module__}.{type(found).__name__}".replace("builtins.", "")
