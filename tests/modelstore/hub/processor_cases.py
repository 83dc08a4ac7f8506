"""Image processors of the Hub, beside what is made of their configuration here.

`python -m tests.modelstore.hub.processor_cases` writes the table of docs/models.md.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from deepfake import preprocessing
from deepfake.errors import ModelError
from deepfake.imaging import Picture
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Network
from deepfake.modelstore.hub.convention import read_convention

DOCS = Path(__file__).resolve().parents[3] / "docs" / "models.md"
BEGIN, END = "<!-- processors: made by tests/modelstore/hub/processor_cases.py -->", "<!-- end -->"
EQUAL = 1e-3
HIGH = {"height": 32, "width": 32}
# What it is, the processor's module and class, what differs from the class's defaults so that the
# input is small.
CASES = (
    ("ViT", "vit", "ViT", {"size": HIGH}),
    ("DeiT", "deit", "DeiT", {"size": {"height": 36, "width": 36}, "crop_size": HIGH}),
    ("BEiT", "beit", "Beit", {"size": HIGH}),
    ("Data2Vec", "beit", "Beit", {
        "size": {"height": 40, "width": 40}, "do_center_crop": True, "crop_size": HIGH,
    }),
    ("Swin", "vit", "ViT", {
        "size": HIGH, "resample": 3, "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }),
    ("ConvNeXT", "convnext", "ConvNext", {"size": {"shortest_edge": 32}, "crop_pct": 0.875}),
    ("ConvNeXT of 384", "convnext", "ConvNext", {"size": {"shortest_edge": 384}}),
    ("ResNet", "convnext", "ConvNext", {
        "size": {"shortest_edge": 33}, "crop_pct": 0.875, "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }),
    ("SigLIP", "siglip", "Siglip", {"size": HIGH}),
    ("CLIP", "clip", "CLIP", {"size": {"shortest_edge": 32}, "crop_size": HIGH}),
    ("EfficientNet", "efficientnet", "EfficientNet", {
        "size": HIGH, "resample": 0, "rescale_factor": 1 / 127.5, "rescale_offset": True,
        "do_normalize": False, "include_top": False,
    }),
    ("EfficientNet, include_top", "efficientnet", "EfficientNet", {"size": HIGH}),
    ("MobileNetV1", "mobilenet_v1", "MobileNetV1", {
        "size": {"shortest_edge": 36}, "crop_size": HIGH,
    }),
    ("MobileNetV2", "mobilenet_v2", "MobileNetV2", {
        "size": {"shortest_edge": 37}, "crop_size": HIGH,
    }),
    ("MobileViT (BGR)", "mobilevit", "MobileViT", {
        "size": {"shortest_edge": 36}, "crop_size": HIGH,
    }),
    ("MobileViT, black around", "mobilevit", "MobileViT", {
        "size": {"shortest_edge": 28}, "crop_size": HIGH,
    }),
    ("LeViT", "levit", "Levit", {"size": {"shortest_edge": 28}, "crop_size": 28}),
    ("PVT", "pvt", "Pvt", {"size": HIGH, "resample": 2}),
    ("PoolFormer", "poolformer", "PoolFormer", {
        "size": {"shortest_edge": 32}, "crop_size": HIGH, "crop_pct": 0.9,
    }),
    ("DINOv2", "bit", "Bit", {"size": {"shortest_edge": 36}, "crop_size": HIGH}),
    ("SegFormer", "segformer", "Segformer", {"size": HIGH}),
    ("ViT, do_resize false", "vit", "ViT", {
        "do_resize": False, "do_center_crop": True, "crop_size": HIGH,
    }),
    ("ViT, shortest_edge without a crop", "vit", "ViT", {"size": {"shortest_edge": 32}}),
    ("Perceiver", "perceiver", "Perceiver", {"size": HIGH, "crop_size": HIGH}),
    ("YOLOS", "yolos", "Yolos", {"size": {"shortest_edge": 32, "longest_edge": 48}}),
)  # fmt: skip


def reference(module: str, name: str, options: dict[str, object]):
    """transformers' processor, which needs Pillow and NumPy alone."""
    found = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    return getattr(found, f"{name}ImageProcessorPil")(**options)


def pictures() -> dict[str, np.ndarray]:
    """Square, wide, tall, and smaller than the input; of noise over smooth colours."""
    random = np.random.default_rng(7)
    made = {}
    sides = {"square": (96, 96), "wide": (71, 120), "tall": (113, 64), "small": (20, 27)}
    for name, (height, width) in sides.items():
        coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        noisy = smooth + random.integers(-20, 21, smooth.shape)
        made[name] = np.clip(noisy, 0, 255).astype(np.uint8)
    return made


def compared(module: str, name: str, options: dict[str, object]) -> tuple[str, float]:
    """(what docs/models.md says of the processor, the largest difference found)."""
    processor = reference(module, name, options)
    with tempfile.TemporaryDirectory() as folder:
        processor.save_pretrained(folder)
        (Path(folder) / "config.json").write_text('{"id2label": {"0": "real", "1": "fake"}}')
        found = read_convention(Path(folder))
    network = Network(found.size or 32, "logits")
    try:
        manifest = Answers().complete(network, "it", {"model.onnx": "0" * 64}, convention=found)
    except ModelError as error:
        return f"refused: {str(error).partition('(')[2].rpartition(')')[0]}", 0.0
    worst = 0.0
    for kind, pixels in pictures().items():
        if found.remark and kind != "square":
            continue
        expected = processor(pixels, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
        crop = preprocessing.crop(Picture.from_array(pixels), None, manifest.input)
        got = preprocessing.scale(crop[None], manifest.input)[0]
        if got.shape != expected.shape:
            return f"NOT EQUAL: {got.shape} instead of {expected.shape}", float("inf")
        worst = max(worst, float(np.abs(got - expected).max()))
    if worst > EQUAL:
        return f"NOT EQUAL: off by {worst:.3g}", worst
    if found.remark:
        return "converted: the middle of pictures that are not square; square ones equal", worst
    return "equal", worst


def table() -> str:
    """The table of docs/models.md."""
    rows = [
        f"| {title} | `{name}ImageProcessor` | {compared(module, name, options)[0]} |"
        for title, module, name, options in CASES
    ]
    return "\n".join([BEGIN, "| model | processor | here |", "|---|---|---|", *rows, END])


if __name__ == "__main__":
    text = DOCS.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    DOCS.write_text(before + table() + rest.partition(END)[2], "utf-8")
    print(json.dumps({case[0]: compared(*case[1:]) for case in CASES}, indent=1))
