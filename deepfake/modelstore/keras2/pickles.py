"""Reads a pickled Keras model without running what is pickled.

Keras 3 pickles a model as the call `Model._unpickle_model(BytesIO(archive))`, where the archive is
a `.keras` file (`keras/src/saving/keras_saveable.py`). Keras 2 calls a function
with the archive. Here these calls hand out the archive instead of loading it with
`safe_mode=False`, and every other name in the pickle is refused. A few bytes of
a pickle can ask for all memory, so its instructions are looked through before.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

from deepfake.errors import HostileModelError, ModelError
from deepfake.modelstore.safety import libraries
from deepfake.modelstore.safety.inspection import check_size
from deepfake.settings import Settings

UNPICKLE = "_unpickle_model"
UNPICKLE_OF_KERAS_2 = "deserialize_model_from_bytecode"
OF_KERAS_2 = (
    "keras.saving.pickle_utils", "keras.src.saving.pickle_utils",
    "tf_keras.src.saving.pickle_utils",
)  # fmt: skip
RE_EXPORT = (
    "Where the model was made, run model.save('model.keras'), in Keras 2 model.save('model.h5'), "
    "and name that file. A pickle can run any code when it is opened, so only pickled Keras models "
    "are read, without running them."
)
# Keras needs about thirty instructions, and as many numbers of the memo.
MAX_INSTRUCTIONS = 10_000
MAX_MEMO = 10_000
MAX_TEXT = 10_000
# Tuples of twice the same tuple, a few dozen deep, take years to be used as a key.
MAX_FETCHES = 20
# Constants, tuples, lists, dictionaries, the memo and calls of names, which are checked below. Not
# there: persistent and registered objects, copies of the stack, sets, buffers from elsewhere.
INSTRUCTIONS = frozenset(
    """
    APPEND APPENDS BINBYTES BINBYTES8 BINFLOAT BINGET BININT BININT1 BININT2 BINPUT BINUNICODE
    BINUNICODE8 BUILD BYTEARRAY8 DICT EMPTY_DICT EMPTY_LIST EMPTY_TUPLE FRAME GET GLOBAL INT LIST
    LONG1 LONG_BINGET LONG_BINPUT MARK MEMOIZE NEWFALSE NEWOBJ NEWTRUE NONE POP POP_MARK PROTO PUT
    REDUCE SETITEM SETITEMS SHORT_BINBYTES SHORT_BINUNICODE STACK_GLOBAL STOP TUPLE TUPLE1 TUPLE2
    TUPLE3 UNICODE
    """.split()  # noqa: SIM905  fifty quoted names read worse
)


def read_archive(path: Path, settings: Settings) -> bytes:
    """Take the `.keras` archive out of a pickled Keras model.

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
        # In memory, where no read can ask for more than the file has.
        content = path.read_bytes()
        _look_through(content)
        found = _KerasUnpickler(io.BytesIO(content)).load()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).", path=path) from error
    except Exception as error:
        # joblib writes arrays between the instructions, which ends in any kind of error.
        library = libraries.of_pickle(content)
        if library is not None:
            raise ModelError(
                f"{path} is {library.what}, and pickles of it are never run. {library.advice}",
                path=path,
            ) from error
        if isinstance(error, pickle.UnpicklingError):
            raise HostileModelError(
                f"{path} is not a pickled Keras model: {error}. {RE_EXPORT}", path=path
            ) from error
        # A pickle is a little program: a damaged one does, too.
        raise ModelError(f"{path} is a damaged pickle. {RE_EXPORT}", path=path) from error
    if not isinstance(found, _Archive):
        raise ModelError(
            f"{path} is not a pickled Keras model: it holds {_what(found)}. {RE_EXPORT}",
            path=path,
        )
    return found.content


def _look_through(content: bytes) -> None:
    """Refuse instructions that Keras does not write, and numbers that only fill memory."""
    fetches = 0
    for index, (instruction, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
        name = instruction.name
        number = argument if isinstance(argument, int) else 0
        if index >= MAX_INSTRUCTIONS:
            raise pickle.UnpicklingError(f"it has over {MAX_INSTRUCTIONS:,} instructions")
        if name not in INSTRUCTIONS:
            raise pickle.UnpicklingError(f"it has the instruction {name}")
        if name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= number < MAX_MEMO:
            raise pickle.UnpicklingError(f"it keeps an object under the number {number}")
        fetches += name in ("GET", "BINGET", "LONG_BINGET")
        if fetches > MAX_FETCHES:
            raise pickle.UnpicklingError(f"it uses objects again over {MAX_FETCHES} times")
        if name == "FRAME" and number > len(content):
            raise pickle.UnpicklingError("it is cut short")
        if isinstance(argument, str) and len(argument) > MAX_TEXT:
            raise pickle.UnpicklingError(f"it holds a text of {len(argument):,} letters")


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


class _UnpickleOfKeras2(_Name):
    """`pickle_utils.deserialize_model_from_bytecode` of Keras 2."""

    __slots__ = ()

    def __call__(self, archive: object) -> _Archive:
        if not isinstance(archive, bytes):
            raise pickle.UnpicklingError("it does not hold a .keras archive")
        return _Archive(archive)


class _GetAttr(_Name):
    """`builtins.getattr`, of one attribute of one class."""

    __slots__ = ()

    def __call__(self, owner: object, name: object) -> _UnpickleModel:
        if not isinstance(owner, _KerasClass) or name != UNPICKLE:
            raise pickle.UnpicklingError(f"it asks for {_what(name)} of something")
        return _UnpickleModel()


# Python's own, not that of C: where a frame ends within an instruction, the latter goes on with
# another one than `_look_through` has seen.
class _KerasUnpickler(pickle._Unpickler):
    """Knows the names of a pickled Keras model; every other is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("builtins", "getattr"), ("__builtin__", "getattr")):
            return _GetAttr()
        if (module, name) in (("_io", "BytesIO"), ("io", "BytesIO")):
            return _Buffer
        if module in OF_KERAS_2 and name == UNPICKLE_OF_KERAS_2:
            return _UnpickleOfKeras2()
        if module.startswith("keras.src.models.") and name in ("Sequential", "Functional", "Model"):
            return _KerasClass()
        raise pickle.UnpicklingError(f"it asks for {module[:80]}.{name[:80]}")


def _what(found: object) -> str:
    return f"a {type(found).__module__}.{type(found).__name__}".replace("builtins.", "")
