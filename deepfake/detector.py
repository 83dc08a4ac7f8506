"""Detector: Picture → Report. Every door (page, command line, library) goes through here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

from deepfake import fragility as changes
from deepfake import imaging, preprocessing, verdict
from deepfake import provenance as origins
from deepfake.errors import ImageError, NoFaceError
from deepfake.evidence import occlusion
from deepfake.faces import Face, FaceDetector
from deepfake.imaging import Picture
from deepfake.modelstore.backends.protocol import Scores
from deepfake.modelstore.resolve import LoadedModel, load_model
from deepfake.report import Experts, FaceReport, Report, Variation
from deepfake.settings import Settings
from deepfake.verdict import Reason

if TYPE_CHECKING:
    from deepfake.documents import (
        TimingsDocument,
    )

# A face below this many pixels, and one that stands a stop or more under the usual exposure, has
# lost traces that the network looks for.
SMALL_SIDE, DARK_GAIN = 80, 2.0
NOT_EXPOSED = {
    "dark": "Too dark to judge: hardly any light fell on this face.",
    "burnt_out": "Too bright to judge: most of this face is plain white.",
}
DRAWN = "Not judged: this looks drawn, painted or sculpted, and the model knows photographs only."
# Below this variance of the Laplacian, taken in the middle of a levelled crop of 224 pixels, lies a
# tenth of the faces from elsewhere; of fakes among them half as many are caught (docs/model-2.md).
BLURRED_BELOW, BLUR_SIDE = 37.0, 224
# At quality 40 AUC is .016 lower than at 90, at 30 .036 (docs/pictures.md).
COMPRESSED_BELOW = 40
# Logit of the largest probability that float32 tells from 1 with some precision.
PROBABILITY_LOGITS = 14.0

Source = str | PathLike[str] | bytes | bytearray | np.ndarray | Image.Image | Picture


class Detector:
    """Judges pictures with one model. Safe to share between threads.

    Args:
        model: LoadedModel, or a name or path for `load_model`. Defaults to the setting `model`.
        threshold: float. P(fake) that verdicts are made at. Defaults to the manifest's.
        settings: Settings. Defaults to the environment's.
        faces: FaceDetector. One that several Detectors share. Defaults to its own.

    Raises:
        ModelError: the model cannot be loaded.
        SettingError: the threshold is out of range.

    Example:
        >>> report = Detector().detect("photo.jpg")  # doctest: +SKIP
        >>> report.verdict, report.p_fake  # doctest: +SKIP
        ('fake', 0.93)
    """

    def __init__(
        self,
        model: LoadedModel | str | Path | None = None,
        *,
        threshold: float | None = None,
        settings: Settings | None = None,
        faces: FaceDetector | None = None,
    ):
        self.settings = settings or Settings.from_environment()
        if threshold is not None:
            verdict.check_threshold(threshold)
        self.model = model if isinstance(model, LoadedModel) else load_model(model, self.settings)
        self.threshold = self.model.manifest.threshold if threshold is None else threshold
        self._faces = faces or FaceDetector(self.settings)

    def detect(
        self,
        source: Source,
        *,
        file: str | None = None,
        found: Sequence[Face] | None = None,
        fragility: bool = False,
        provenance: bool = False,
    ) -> Report:
        """Judge a picture.

        Args:
            source: path, bytes of a file, uint8 array (height, width, 3) in RGB, Pillow image, or
                Picture.
            file: str. What the Report calls it. Defaults to the path.
            found: sequence of Face. The picture's faces, the largest first, where they are known
                already. Defaults to looking for them.
            fragility: bool. Whether the face that decides is judged again re-encoded, halved,
                blurred, mirrored and darkened (`FaceReport.variations`): a verdict that turns into
                its opposite becomes "uncertain". Defaults to not.
            provenance: bool. Whether Content Credentials and metadata are read, too, from the
                path or the bytes; of pixels there are none (`Report.provenance`). Defaults to not.

        Returns:
            The Report.

        Raises:
            ImageError: the file cannot be read as a picture.
        """
        clock = Clock()
        name = _name(source) if file is None else file
        if provenance and isinstance(source, str | PathLike):
            source = imaging.read_path(source, self.settings)
        picture = self._open(source)
        clock.lap("decode")
        found = self._faces.detect(picture) if found is None else found
        clock.lap("faces")
        faces = [self._seen(picture, face, rank) for rank, face in enumerate(found)]
        judged = [index for index, face in enumerate(faces) if face.crop is not None]
        manifest = self.model.manifest
        # Without a face the whole picture is scored, to be shown as not to be relied on.
        crops = [face.crop for face in faces if face.crop is not None]
        crops = crops or [preprocessing.crop(picture, None, manifest.input)]
        batch = preprocessing.scale(np.stack(crops), manifest.input)
        clock.lap("preprocessing")
        scores = self.model.backend.scores(batch)
        p_fakes = self._p_fakes(scores)
        if judged and scores.drawings is not None:
            for row in np.flatnonzero(scores.drawings).tolist():
                faces[judged[row]] = replace(
                    faces[judged[row]], note=DRAWN, reasons=("drawing",), crop=None
                )
            photographed = np.flatnonzero(~scores.drawings).tolist()
            judged = [judged[row] for row in photographed]
            if judged:
                scores = scores.of_faces(photographed)
                p_fakes = [p_fakes[row] for row in photographed]
            else:
                whole = preprocessing.crop(picture, None, manifest.input)[None]
                scores = self.model.backend.scores(preprocessing.scale(whole, manifest.input))
                p_fakes = self._p_fakes(scores)
        clock.lap("model")
        decisive = max(range(len(judged)), key=p_fakes.__getitem__, default=None)
        variations: tuple[Variation, ...] = ()
        if fragility and decisive is not None:
            variations = self._variations(picture, found[judged[decisive]])
        clock.lap("fragility")
        band = verdict.uncertain_band(manifest, self.threshold, len(judged))
        for row, index in enumerate(judged):
            faces[index] = replace(
                faces[index],
                p_fake=p_fakes[row],
                variations=variations if row == decisive else (),
                experts=None if scores.experts is None else Experts(*scores.experts[row].tolist()),
                evidence=None if scores.evidence is None else scores.evidence[row],
            ).decided(self.threshold, band)
        return Report(
            file=name,
            width=picture.width,
            height=picture.height,
            format=picture.format,
            byte_count=picture.byte_count,
            sha256=picture.sha256,
            verdict=verdict.worst([face.verdict for face in faces]),
            p_fake=max(p_fakes) if judged else None,
            threshold=self.threshold,
            uncertain_band=band,
            faces=tuple(faces),
            whole_picture_p_fake=None if judged else p_fakes[0],
            manifest=self.model.manifest,
            model={
                "name": self.model.manifest.name,
                "version": self.model.manifest.version,
                "sha256": self.model.sha256,
                "backend": self.model.backend.name,
            },
            timings_ms=clock.finish(),
            notes=picture.notes,
            provenance=(
                origins.read(bytes(source), self.settings)
                if provenance and isinstance(source, bytes | bytearray)
                else None
            ),
        )

    def find(
        self, picture: Picture, near: Sequence[Face] = (), *, newcomers: bool = True
    ) -> list[Face]:
        """Find the faces of a picture, for `detect` to judge.

        Args:
            picture: Picture.
            near: sequence of Face. Those of an earlier frame, where the picture is one of a video.
            newcomers: bool. As of `FaceDetector.follow`.

        Returns:
            The faces, the largest first.
        """
        return self._faces.follow(picture, near, newcomers=newcomers)

    def explain(self, face: FaceReport) -> np.ndarray:
        """What the network looked at in a face.

        Args:
            face: FaceReport. Of a Report that this detector made.

        Returns:
            float32 array (rows, columns) for `evidence.overlay`: the network's own map; where it
            has none, a map by occlusion sensitivity, which takes 82 evaluations.

        Raises:
            NoFaceError: the face was not judged, so nothing was looked at.
        """
        if face.evidence is not None:
            return face.evidence
        if face.crop is None:
            raise NoFaceError(f"This face was not judged. {face.note}")
        return occlusion(self._logits, face.crop)

    def _p_fakes(self, scores: Scores) -> list[float]:
        manifest = self.model.manifest
        logits = verdict.fake_logits(scores.raw, manifest)
        p_fakes: list[float] = verdict.calibrate(logits, manifest.calibration).tolist()
        return p_fakes

    def _variations(self, picture: Picture, face: Face) -> tuple[Variation, ...]:
        spec = self.model.manifest.input
        changed = changes.changed(picture, face, spec)
        batch = preprocessing.scale(np.stack(list(changed.values())), spec)
        p_fakes = self._p_fakes(self.model.backend.scores(batch))
        return tuple(Variation(name, p_fake) for name, p_fake in zip(changed, p_fakes, strict=True))

    def _logits(self, crops: np.ndarray) -> np.ndarray:
        manifest = self.model.manifest
        raw = self.model.backend.scores(preprocessing.scale(crops, manifest.input)).raw
        logits = verdict.fake_logits(raw, manifest)
        if manifest.output.kind in ("sigmoid", "softmax"):
            # Nearer to 0 and 1 than this, neighbouring float32 probabilities are far apart in
            # logits, and the map would show their rounding.
            logits = np.clip(logits, -PROBABILITY_LOGITS, PROBABILITY_LOGITS)
        return logits

    def _open(self, source: Source) -> Picture:
        if isinstance(source, Picture):
            return source
        if isinstance(source, np.ndarray):
            return Picture.from_array(source)
        if isinstance(source, Image.Image):
            return Picture.from_image(source, self.settings)
        if isinstance(source, bytearray):
            source = bytes(source)
        if not isinstance(source, str | bytes | PathLike):
            raise ImageError(
                "Pass a path, the bytes of a file, a uint8 array or a Pillow image. "
                f"Received: {type(source).__name__}."
            )
        return imaging.read(source, self.settings)

    def _seen(self, picture: Picture, face: Face, rank: int) -> FaceReport:
        """A face before it is judged; without a crop if it will not be."""
        spec, smallest = self.model.manifest.input, self.settings.min_face
        reasons: list[Reason]
        crop, note = None, ""
        if face.side < smallest:
            reasons = ["small"]
            note = f"Too small to judge: {int(face.side)} pixels, at least {smallest} are needed."
        elif not preprocessing.is_seen(picture, face.box, spec):
            reasons = ["large"]
            note = (
                f"Not judged: this model looks at {spec.size} × {spec.size} pixels of the picture "
                "as it is, and the face is larger."
                if spec.resize == "none"
                else "Not judged: the face is larger than the part of the picture that this model "
                "looks at."
            )
        elif rank >= self.settings.max_faces:
            reasons = ["many_faces"]
            note = f"Not judged: only the {self.settings.max_faces} largest faces are."
        else:
            crop = preprocessing.cut(picture, face.box, spec, face.turn)
            fault = preprocessing.exposure_fault(crop) if spec.exposure == "level" else ""
            reasons = [fault] if fault else weaknesses(face, crop, picture.jpeg_quality)
            note = NOT_EXPOSED[fault] if fault else ""
            crop = None if fault else preprocessing.expose(crop, spec)
        return FaceReport(
            box=_whole_pixels(face, picture),
            confidence=face.confidence,
            keypoints=face.keypoints,
            p_fake=None,
            verdict="not_applicable",
            note=note,
            turn=preprocessing.turned_back(face.turn, spec),
            reasons=tuple(reasons),
            crop=crop,
            proportion=1.0 if crop is None else preprocessing.proportion(picture, face.box, spec),
        )


def weaknesses(face: Face, crop: np.ndarray, jpeg_quality: int | None = None) -> list[Reason]:
    """Reasons to trust a verdict on a face less.

    Args:
        face: Face. As it was found.
        crop: uint8 array (size, size, 3). Cut out, not levelled.
        jpeg_quality: int. As of `Picture`. Defaults to not known.

    Returns:
        Of "small", "dark", "turned", "blurred" and "compressed" those that hold.
    """
    found: dict[Reason, bool] = {
        "small": face.side < SMALL_SIDE,
        "dark": preprocessing.level_gain(crop) >= DARK_GAIN,
        "turned": abs(face.turn) >= preprocessing.TURNED_FROM,
        # An enlarged face is always soft, and "small" says so.
        "blurred": face.side >= SMALL_SIDE and _sharpness(crop) < BLURRED_BELOW,
        "compressed": jpeg_quality is not None and jpeg_quality < COMPRESSED_BELOW,
    }
    return [reason for reason, holds in found.items() if holds]


def _sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian in the middle of a crop, as if it were levelled at 224 pixels."""
    grey = Image.fromarray(crop).convert("L").resize((BLUR_SIDE, BLUR_SIDE), Image.Resampling.BOX)
    edge = BLUR_SIDE // 4
    x = np.asarray(grey, np.float32)[edge - 1 : 1 - edge, edge - 1 : 1 - edge]
    laplacian = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * x[1:-1, 1:-1]
    return float(laplacian.var()) * preprocessing.level_gain(crop) ** 2


def _name(source: Source) -> str:
    return str(fspath(source)) if isinstance(source, str | PathLike) else ""


def _whole_pixels(face: Face, picture: Picture) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(edge) for edge in face.box)
    return (
        min(max(left, 0), picture.width),
        min(max(top, 0), picture.height),
        min(max(right, 0), picture.width),
        min(max(bottom, 0), picture.height),
    )


class Clock:
    """Milliseconds between laps, counted from its making."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """A stage has just ended."""
        now = time.perf_counter()
        self._laps[stage] = round(1000 * (now - self._last), 2)
        self._last = now

    def finish(self) -> TimingsDocument:
        """Milliseconds by stage, and "total"."""
        total = round(1000 * (time.perf_counter() - self._start), 2)
        return cast("TimingsDocument", {**self._laps, "total": total})
