"""How large a Keras network would be, found out before it is built."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from deepfake.errors import HostileModelError

# A file of one kilobyte may describe weights of terabytes. Stored ones take four times less at
# most (int8, float16), or nearly nothing (zeros, packed).
PER_STORED_BYTE, SMALL = 8, 200_000_000
# Of one picture after one layer. VGG16 at 2048² has 1.07 GB, EfficientNet-B7 at 600² 138 MB.
MAX_ACTIVATION = 512_000_000
ITEM_BYTES = 4
# Where Keras keeps variables that have no values yet (keras/src/backend/common/variables.py).
WAITING = "uninitialized_variables"
_log = logging.getLogger(__name__)


def inspect(build: Callable[[], Any], stored: int) -> None:
    """Refuse a network that would be too large.

    Args:
        build: what makes the keras.Model, without its weights.
        stored: int. Bytes of its file.

    Raises:
        HostileModelError: its weights would take far more than the file holds, or what a layer
            makes of one picture is larger than in any usual network.
    """
    import keras
    from keras.src.backend.common import global_state

    model = None
    try:
        # Variables know their shapes here and have no values.
        with keras.StatelessScope(initialize_variables=False):
            model = build()
    except Exception as error:  # Keras raises whatever its layers raise
        # What cannot be built is said when it is, within the limits of the process.
        _log.debug("Its shapes are not known beforehand: %s", error)
    finally:
        variables = global_state.get_global_attribute(WAITING, [])
        # The next scope that ends would fill them all.
        global_state.set_global_attribute(WAITING, [])
    weights = sum(_bytes(variable.shape) for variable in variables)
    if weights > max(SMALL, PER_STORED_BYTE * stored):
        raise HostileModelError(
            f"The network would have weights of {weights:,} bytes, and its file has {stored:,}. It "
            "was not loaded, because it would only fill the memory. Get the file from its author "
            "again."
        )
    if model is None:
        return
    for name, shape in _made(model):
        if _bytes(shape) > MAX_ACTIVATION:
            raise HostileModelError(
                f"The network's layer {name[:60]!r} makes {_bytes(shape):,} bytes of one picture; "
                f"up to {MAX_ACTIVATION:,} are computed. Use a smaller model."
            )


def _made(model: Any) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """(name, shape) of whatever the layers of a network make, those within others included."""
    for layer in model._flatten_layers():
        for operation in (layer, *getattr(layer, "operations", ())):
            for node in operation._inbound_nodes:
                for tensor in node.output_tensors:
                    yield str(operation.name), tuple(tensor.shape)


def _bytes(shape: tuple[int | None, ...]) -> int:
    size = ITEM_BYTES
    for side in shape:
        size *= 1 if side is None else int(side)
    return size
