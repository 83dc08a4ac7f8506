"""The labelled crops: where each comes from, which family it is of, and its face."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

DATA, CACHE = Path("/work/shared/data"), Path("/work/m2/cache")
FIRST_EDITION = {
    "ffhq", "press_photos", "utkface", "celeba", "studio_headshots", "scut_fbp5500",
    "official_portraits", "web_mixed", "web_mixed_rmfd", "stylegan", "stylegan_generatedphotos",
    "stylegan2_sfhq", "sd21", "sdxl", "flux1_schnell", "flux1_devpro",
}  # fmt: skip
FAMILIES = {
    "gan": "stylegan stylegan_generatedphotos stylegan2_sfhq sg2_game stylegan1_ros stylenerf "
    "u1i_faces stylenat stylegan2_ros styleswin mobilestylegan sg2_teaser eg3d",
    "diffusion": "sd21 sdxl flux1_schnell flux1_devpro",
    "modern": "prompt_gallery gpt_image1 nano_banana qwen_edit photomaker astria facechain "
    "occupation_bias infiniteyou arc2face instantid rin nbp_muset withanyone ip_adapter hidream "
    "omnihuman edtalk aniportrait float",
    "edit": "stargan idiff attgan sam_age hrfae interfacegan gpen codeformer restoreformer hfgi "
    "hyperstyle psp restyle ic_light",
    "swap": "dfl_celebs simswap_grid dreamid faceshifter_wild infoswap celebdf_demo e4s blendface "
    "megafs classic_swap ghost swap_diff",
}
FAMILY_OF = {source: family for family, names in FAMILIES.items() for source in names.split()}


@dataclass(frozen=True)
class Table:
    """Arrays of one entry a crop, in the order of labels.csv.

    Attributes:
        path, source, family, split: str arrays; family "real" for reals.
        label, fold: int arrays.
        second: bool array. Whether the source came with the second edition.
        found: bool array. Whether a face was found.
        box, keypoints, mesh: as of `read_faces`.
    """

    path: np.ndarray
    source: np.ndarray
    family: np.ndarray
    split: np.ndarray
    label: np.ndarray
    fold: np.ndarray
    second: np.ndarray
    found: np.ndarray
    box: np.ndarray
    keypoints: np.ndarray
    mesh: np.ndarray

    def __len__(self) -> int:
        return len(self.path)

    def pixels(self, index: int) -> np.ndarray:
        with Image.open(DATA / self.path[index]) as image:
            return np.asarray(image.convert("RGB"))


def load() -> Table:
    with (DATA / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    faces = np.load(CACHE / "faces.npz")
    assert [row["path"] for row in rows] == faces["paths"].tolist()
    label = np.array([int(row["label"] == "fake") for row in rows])
    source = np.array([row["generator"] for row in rows])
    family = np.array([FAMILY_OF[s] if y else "real" for s, y in zip(source, label, strict=True)])
    return Table(
        np.array([row["path"] for row in rows]), source, family,
        np.array([row["split"] for row in rows]), label, np.array([int(r["fold"]) for r in rows]),
        np.array([s not in FIRST_EDITION for s in source]), faces["confidence"] > 0,
        faces["box"], faces["keypoints"], faces["mesh"],
    )  # fmt: skip


def turn_of(keypoints: np.ndarray) -> float:
    """Degrees clockwise by which a face is turned, as `deepfake.faces.turn_of` has it."""
    right_eye, left_eye, _, mouth = keypoints[:4]
    down = mouth - (right_eye + left_eye) / 2
    across = (left_eye - right_eye) + (down[1], -down[0])
    return float(np.degrees(np.arctan2(across[1], across[0])))
