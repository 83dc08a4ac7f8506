"""The networks of `keras.applications`, with our two outputs and ImageNet weights if wished.

Their preprocessing differs: some scale inside, some outside, one group wants BGR. Here all of it is
outside, in the manifest's mean and standard deviation, except for the order of the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import keras

from deepfake.errors import TrainingError
from deepfake.networks import heads

BACKBONE = "backbone"
Triple = tuple[float, float, float]
# What `preprocess_input` of keras.applications calls "tf", "torch" and "caffe".
SYMMETRIC: tuple[Triple, Triple] = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
STANDARDISED: tuple[Triple, Triple] = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
CAFFE: tuple[Triple, Triple] = ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
Start = Literal["imagenet"] | None


@dataclass(frozen=True)
class Application:
    """How to get one backbone.

    Attributes:
        function: name of the function in `keras.applications`.
        scaling: (mean, std) of the manifest.
        image_size: int. The size that its ImageNet weights were trained at.
        smallest: int. The smallest input that it takes.
        bgr: bool. Whether it wants blue first.
        first_layer: str. Name of the first layer after preprocessing layers that cannot be left
            out by an option; "" if there are none.
        options: what else the function is called with.
    """

    function: str
    scaling: tuple[Triple, Triple]
    image_size: int = 224
    smallest: int = 32
    bgr: bool = False
    first_layer: str = ""
    options: dict[str, bool] = field(default_factory=dict)

    def backbone(self, image_size: int, weights: Start) -> keras.Model:
        """The network without its classifier.

        Raises:
            TrainingError: the weights cannot be downloaded.
        """
        function: Callable[..., Any] = getattr(keras.applications, self.function)
        shape = (image_size, image_size, 3)
        try:
            return function(include_top=False, weights=weights, input_shape=shape, **self.options)
        except Exception as error:
            # `keras.utils.get_file` raises plain Exception when the network fails.
            if weights is None:
                raise
            raise TrainingError(
                f"The ImageNet weights of {self.function} could not be downloaded ({error}). "
                "Pass --weights none to start at random, or --weights FILE with a downloaded "
                ".h5 or .keras file."
            ) from error


APPLICATIONS = {
    "densenet121": Application("DenseNet121", STANDARDISED),
    "efficientnetb0": Application("EfficientNetB0", STANDARDISED, first_layer="stem_conv_pad"),
    "efficientnetb3": Application(
        "EfficientNetB3", STANDARDISED, image_size=300, first_layer="stem_conv_pad"
    ),
    "efficientnetv2-b0": Application(
        "EfficientNetV2B0", STANDARDISED, options={"include_preprocessing": False}
    ),
    "efficientnetv2-b3": Application(
        "EfficientNetV2B3", STANDARDISED, image_size=300, options={"include_preprocessing": False}
    ),
    "inceptionv3": Application("InceptionV3", SYMMETRIC, image_size=299, smallest=75),
    "mobilenetv2": Application("MobileNetV2", SYMMETRIC),
    "mobilenetv3-large": Application(
        "MobileNetV3Large", SYMMETRIC, options={"include_preprocessing": False}
    ),
    "mobilenetv3-small": Application(
        "MobileNetV3Small", SYMMETRIC, options={"include_preprocessing": False}
    ),
    "resnet50": Application("ResNet50", CAFFE, bgr=True),
    "resnet50v2": Application("ResNet50V2", SYMMETRIC),
    "vgg16": Application("VGG16", CAFFE, bgr=True),
    "xception": Application("Xception", SYMMETRIC, image_size=299, smallest=71),
}


def network(name: str, image_size: int, dropout: float) -> keras.Model:
    """A network of `APPLICATIONS` with random weights and our head."""
    application = APPLICATIONS[name]
    inputs = keras.Input((image_size, image_size, 3), name="image")
    # Slicing backwards is an operation that every converter knows; a Lambda layer is code.
    x = inputs[:, :, :, ::-1] if application.bgr else inputs
    features = _without_preprocessing(name, application.backbone(image_size, None))(x)
    return heads.pooled(inputs, [features], dropout, name)


def load_imagenet(model: keras.Model) -> None:
    """Fill the backbone with its ImageNet weights, downloaded by Keras into `~/.keras`.

    Raises:
        TrainingError: they cannot be downloaded.
    """
    application = APPLICATIONS[model.name]
    fill_backbone(model, application.backbone(model.input_shape[1], "imagenet"))


def fill_backbone(model: keras.Model, backbone: keras.Model) -> None:
    """Copy the weights of a backbone, as `Application.backbone` makes it, into a network."""
    bare = _without_preprocessing(model.name, backbone)
    model.get_layer(BACKBONE).set_weights(bare.get_weights())


def _without_preprocessing(name: str, backbone: keras.Model) -> keras.Model:
    """The same layers, from the first one that learns on.

    EfficientNet keeps the mean and variance of ImageNet as weights; cut off here, the start with
    random weights gets scaled pictures as well.
    """
    first = APPLICATIONS[name].first_layer
    start = backbone.get_layer(first).input if first else backbone.input
    return keras.Model(start, backbone.output, name=BACKBONE)
