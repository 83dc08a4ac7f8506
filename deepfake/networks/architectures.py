"""What is known of each architecture before it is built: one row each, without Keras."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from deepfake.errors import TrainingError

Triple = tuple[float, float, float]
# What `preprocess_input` of keras.applications calls "tf", "torch" and "caffe".
SYMMETRIC: tuple[Triple, Triple] = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
STANDARDISED: tuple[Triple, Triple] = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
CAFFE: tuple[Triple, Triple] = ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
# The ImageNet weights of EfficientNet-Lite expect (value - 127) / 128.
LITE: tuple[Triple, Triple] = ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
LARGEST = 2048


@dataclass(frozen=True)
class Architecture:
    """One architecture.

    Attributes:
        module: str. The module of this package that builds it.
        scaling: (mean, std) of the manifest, for RGB in 0..255.
        image_size: int. The usual side of its input in pixels.
        smallest: int. The smallest side.
        multiple: int. The side must be a multiple of this.
        dropout: float. The usual dropout of its head.
        imagenet: bool. Whether its backbone can start from ImageNet weights.
    """

    module: Literal["applications", "classic", "efficientnet_lite"]
    scaling: tuple[Triple, Triple]
    image_size: int
    smallest: int
    multiple: int = 1
    dropout: float = 0.2
    imagenet: bool = True


@dataclass(frozen=True)
class Application(Architecture):
    """One whose backbone comes from `keras.applications`.

    Attributes:
        function: str. Its name there.
        bgr: bool. Whether it wants blue first.
        first_layer: str. Name of the first layer after preprocessing layers that cannot be left
            out by an option; "" if there are none.
        options: what else the function is called with.
    """

    module: Literal["applications"] = "applications"
    scaling: tuple[Triple, Triple] = SYMMETRIC
    # The size that its ImageNet weights were trained at.
    image_size: int = 224
    smallest: int = 32
    function: str = ""
    bgr: bool = False
    first_layer: str = ""
    options: dict[str, bool] = field(default_factory=dict)


def _classic(image_size: int, smallest: int, multiple: int) -> Architecture:
    return Architecture(
        "classic", SYMMETRIC, image_size, smallest, multiple, dropout=0.5, imagenet=False
    )


# What the experts look for, one linear map each. The expert for synthesis is three: generators of
# one kind leave other traces than those of the next, and one map for all of them called more real
# people fake (docs/model-2.md).
TRACES = ("seams", "gan", "diffusion", "edits")
# How the names of networks with experts end.
EXPERTS = "-experts"
BARE = {"include_preprocessing": False}
APPLICATIONS = {
    "densenet121": Application(function="DenseNet121", scaling=STANDARDISED),
    "efficientnetb0": Application(
        function="EfficientNetB0", scaling=STANDARDISED, first_layer="stem_conv_pad"
    ),
    "efficientnetb3": Application(
        function="EfficientNetB3", scaling=STANDARDISED, image_size=300, first_layer="stem_conv_pad"
    ),
    "efficientnetv2-b0": Application(
        function="EfficientNetV2B0", scaling=STANDARDISED, options=BARE
    ),
    "efficientnetv2-b3": Application(
        function="EfficientNetV2B3", scaling=STANDARDISED, image_size=300, options=BARE
    ),
    "inceptionv3": Application(function="InceptionV3", image_size=299, smallest=75),
    "mobilenetv2": Application(function="MobileNetV2"),
    "mobilenetv3-large": Application(function="MobileNetV3Large", options=BARE),
    "mobilenetv3-small": Application(function="MobileNetV3Small", options=BARE),
    "resnet50": Application(function="ResNet50", scaling=CAFFE, bgr=True),
    "resnet50v2": Application(function="ResNet50V2"),
    "vgg16": Application(function="VGG16", scaling=CAFFE, bgr=True),
    "xception": Application(function="Xception", image_size=299, smallest=71),
}
ARCHITECTURES: dict[str, Architecture] = {
    "cnn": _classic(128, 16, 8),
    "efficientnet-lite0": Architecture("efficientnet_lite", LITE, 192, 64, 32),
    f"efficientnet-lite0{EXPERTS}": Architecture("efficientnet_lite", LITE, 224, 64, 32),
    "meso4": _classic(256, 32, 32),
    "mesoinception4": _classic(256, 32, 32),
    **APPLICATIONS,
}


def architecture(name: str) -> Architecture:
    """Look an architecture up.

    Raises:
        TrainingError: the name is not known.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise TrainingError(f"There is no architecture called {name!r}. Choose one of: {known}.")
    return ARCHITECTURES[name]


def check_size(name: str, image_size: int) -> None:
    """Refuse an input size that an architecture cannot take.

    Raises:
        TrainingError: it cannot, or the name is not known.
    """
    entry = architecture(name)
    if image_size % entry.multiple or not entry.smallest <= image_size <= LARGEST:
        multiple = f" a multiple of {entry.multiple} and" if entry.multiple > 1 else ""
        raise TrainingError(
            f"The image size of {name} must be{multiple} at least {entry.smallest}. "
            f"Received: {image_size}."
        )
