"""What is said of a model when it is made, and the options of `deepfake train` that say it."""

from __future__ import annotations

from dataclasses import dataclass

from deepfake.training.config import option

# "fpr": the limits of `calibration`; "half": 0.5; "youden": the largest distance of caught fakes
# and reals called fake (Youden 1950).
THRESHOLD_RULES = ("fpr", "half", "youden")
GROUP = "the model that comes out"


@dataclass(frozen=True)
class Description:
    """What cannot be measured and has to be said.

    Attributes:
        name: str. Of the model.
        version_name: str. Of the model.
        licence: str. Of the weights.
        threshold_rule: str. One of `THRESHOLD_RULES`.
        flip_average: bool. Whether the model judges each face and its mirror image, and says the
            mean.
        command: str. How to make the model again. Defaults to a general sentence.
        data: str. Markdown on the data sets and their licences, for the card.
    """

    name: str = option(GROUP, "model", "name of the model (default: %(default)s)")
    version_name: str = option(
        GROUP, "1", "version of the model, for its manifest (default: %(default)s)"
    )
    licence: str = option(GROUP, "not stated", "licence of the weights")
    threshold_rule: str = option(
        GROUP, THRESHOLD_RULES[0],
        "%(default)s (default): at most 5%% of validation reals count as fake; half: 0.5; youden: "
        "most fakes caught less reals called fake",
        choices=THRESHOLD_RULES,
    )  # fmt: skip
    flip_average: bool = option(
        GROUP, False,
        "judge each face and its mirror image and say the mean of both: usually fewer errors, at "
        "twice the time",
    )  # fmt: skip
    command: str = ""
    data: str = ""
