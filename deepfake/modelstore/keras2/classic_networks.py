"""Files that hold only weights: the networks that they belong to.

The networks of `deepfake train` have an evidence map and are written accordingly. Weights from
elsewhere, such as those published with MesoNet, need the networks as their authors wrote them:
Flatten and Dense, one sigmoid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfake.errors import ModelError, TrainingError, UnansweredError


@dataclass(frozen=True)
class Classic:
    """A network as its authors wrote it.

    Attributes:
        build: makes it, from the side of its input.
        side: int. The side that its authors used.
        shrinks: int. How many times smaller the sides are where it is flattened.
        channels: int. How many channels it has there.
    """

    build: Callable[[int], Any]
    side: int
    shrinks: int
    channels: int


def meso4(size: int) -> Any:
    """Meso-4 (Afchar et al. 2018, arXiv 1809.00888), as in the authors' `classifiers.py`."""
    from keras import layers

    inputs = layers.Input((size, size, 3))
    x: Any = inputs
    for channels, kernel, pool in ((8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4)):
        x = _convolution(x, channels, kernel, pool)
    return _classify(inputs, x, "meso4")


def mesoinception4(size: int) -> Any:
    """MesoInception-4 (Afchar et al. 2018, arXiv 1809.00888), as in the authors' code."""
    from keras import layers

    inputs = layers.Input((size, size, 3))
    x: Any = inputs
    for branches in ((1, 4, 4, 2), (2, 4, 4, 2)):
        x = layers.BatchNormalization()(_inception(x, *branches))
        x = layers.MaxPooling2D(2, padding="same")(x)
    for pool in (2, 4):
        x = _convolution(x, 16, 5, pool)
    return _classify(inputs, x, "mesoinception4")


def cnn(size: int) -> Any:
    """The classroom's CNN: what `deepfake train` calls `cnn`, with Flatten and Dense."""
    import keras
    from keras import layers

    inputs = layers.Input((size, size, 3))
    x: Any = inputs
    for channels in (32, 64, 128):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dense(128, activation="relu")(layers.Dropout(0.5)(layers.Flatten()(x)))
    score = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(x))
    return keras.Model(inputs, score, name="cnn")


NETWORKS = {
    "cnn": Classic(cnn, 128, 8, 128),
    "meso4": Classic(meso4, 256, 32, 16),
    "mesoinception4": Classic(mesoinception4, 256, 32, 16),
}


def load_weights(
    weights: Path, architecture: str, size: int | None, path: Path
) -> tuple[Any, tuple[str, ...]]:
    """Build a network and fill it with the weights in a file.

    Args:
        weights: Path. A copy of the file, already inspected.
        architecture: str. Name of the network; "" if nobody said it.
        size: int. Side of the input; None if nobody said it.
        path: Path. What the user called the file, for messages.

    Returns:
        The keras.Model, and what was done, in words.

    Raises:
        ModelError: the name is missing or not known, or the weights belong to another network.
    """
    names = known_names()
    if architecture in ("", "unknown"):
        raise UnansweredError(
            f"{path} holds only weights, without the network that they belong to. Say which one it "
            f"is with --architecture NAME ({', '.join(names)}), or save the whole model where it "
            "was made: model.save('model.keras').",
            path=path,
        )
    if architecture not in names:
        raise ModelError(
            f"There is no architecture called {architecture!r}. Choose one of: {', '.join(names)}."
        )
    shapes, copy = _shapes(weights), _named_by_layout(weights)
    refusals = []
    for build in _candidates(architecture, size, shapes):
        try:
            model = build()
            model.load_weights(copy)
        except TrainingError as error:
            raise ModelError(str(error)) from error
        except (ValueError, KeyError, OSError) as error:
            refusals.append(str(error))
            continue
        side = model.inputs[0].shape[1]
        return model, (f"built {architecture} at {side} × {side} for the weights in the file",)
    hint = "" if size else " If it was trained with an unusual size, say it with --size."
    raise ModelError(
        f"The weights in {path} do not fit {architecture}. Name the architecture that they belong "
        f"to ({', '.join(names)}).{hint} For any other network, save the whole model where it was "
        "made: model.save('model.keras').",
        path=path,
    )


def known_names() -> list[str]:
    """The networks that weights can be loaded into."""
    from deepfake.networks import ARCHITECTURES

    return sorted({*NETWORKS, *ARCHITECTURES})


def _candidates(
    name: str, size: int | None, shapes: Sequence[tuple[int, ...]]
) -> list[Callable[[], Any]]:
    """Builders of the networks that a name can mean, the authors' first."""
    from deepfake import networks

    found: list[Callable[[], Any]] = []
    classic = NETWORKS.get(name)
    if classic is not None:
        side = size or _flattened_side(classic, shapes) or classic.side
        found.append(lambda: classic.build(side))
    if name in networks.ARCHITECTURES:
        places = _places_side(shapes) if classic is not None else None
        own = size or (classic.shrinks * places if classic and places else None)
        usual = own or networks.ARCHITECTURES[name].image_size
        found.append(lambda: networks.build(name, usual))
    return found


def _flattened_side(classic: Classic, shapes: Sequence[tuple[int, ...]]) -> int | None:
    """Side of the input, from the rows of the first dense layer."""
    rows = max((shape[0] for shape in shapes if len(shape) == 2), default=0)
    side = math.isqrt(rows // classic.channels)
    fits = side > 0 and side * side * classic.channels == rows
    return side * classic.shrinks if fits else None


def _places_side(shapes: Sequence[tuple[int, ...]]) -> int | None:
    """Rows of the feature map, from the layer that weighs each place on its own."""
    sides = [shape[0] for shape in shapes if len(shape) == 4 and shape[0] == shape[1]]
    # Its kernel is (rows, columns, channels, hidden); those of convolutions are 1, 3 or 5 wide.
    return next((side for side in reversed(sides) if side not in (1, 3, 5)), None)


def _shapes(weights: Path) -> list[tuple[int, ...]]:
    import h5py

    found: list[tuple[int, ...]] = []

    def note(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(tuple(item.shape))

    with h5py.File(weights, "r") as file:
        file.visititems(note)
    return found


def _named_by_layout(weights: Path) -> Path:
    """Keras decides by the name's ending how the weights are laid out."""
    import h5py

    with h5py.File(weights, "r") as file:
        old = "layer_names" in file.attrs or "model_weights" in file
    return weights if old else weights.rename(weights.with_name("model.weights.h5"))


def _convolution(x: Any, channels: int, kernel: int, pool: int) -> Any:
    from keras import layers

    x = layers.Conv2D(channels, kernel, padding="same", activation="relu")(x)
    return layers.MaxPooling2D(pool, padding="same")(layers.BatchNormalization()(x))


def _inception(x: Any, a: int, b: int, c: int, d: int) -> Any:
    """Four branches; dilated 3×3 convolutions in place of Inception's 5×5."""
    from keras import layers

    branches = [layers.Conv2D(a, 1, padding="same", activation="relu")(x)]
    for channels, dilation in ((b, 1), (c, 2), (d, 3)):
        y = layers.Conv2D(channels, 1, padding="same", activation="relu")(x)
        branches.append(
            layers.Conv2D(channels, 3, dilation_rate=dilation, padding="same", activation="relu")(y)
        )
    return layers.Concatenate()(branches)


def _classify(inputs: Any, features: Any, name: str) -> Any:
    import keras
    from keras import layers

    x = layers.Dropout(0.5)(layers.Flatten()(features))
    x = layers.LeakyReLU(negative_slope=0.1)(layers.Dense(16)(x))
    score = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(x))
    return keras.Model(inputs, score, name=name)
