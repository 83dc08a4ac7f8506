"""What the two networks see: 1.3.0 as it was shipped, and a network behind upright, levelled crops."""

from dataclasses import dataclass
from dataclasses import replace as replace

from deepfake.preprocessing import TURNED_FROM as TURNED_FROM
from deepfake.preprocessing import crop as crop
from deepfake.preprocessing import level as level


@dataclass(frozen=True)
class Input:
    """As `deepfake.manifest.Input`, with fields that `replace` can change."""

    size: int = 224
    crop: float | str = 1.3
    mean: tuple = (127.0, 127.0, 127.0)
    std: tuple = (128.0, 128.0, 128.0)
    resample: str = "bicubic"
    align: str = "eyes"
    exposure: str = "level"


OLD = Input(align="none", exposure="none")
NEW = Input()
