"""A video → a verdict on each person in it."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from deepfake import verdict
from deepfake.detector import Detector
from deepfake.errors import SettingError, VideoError
from deepfake.files.digest import sha256_of
from deepfake.imaging import Picture
from deepfake.report import FaceReport
from deepfake.verdict import Verdict
from deepfake.video import sampling
from deepfake.video.aggregation import AGGREGATIONS, DEFAULT, fake_stretches
from deepfake.video.clip import Clip
from deepfake.video.people import follow
from deepfake.video.report import Person, Sample, VideoReport
from deepfake.video.sampling import Shot

FEW = 4
UNMEASURED = (
    "How often verdicts on videos are wrong has not been measured; the model learned from photos."
)
NEEDED_STRETCHES = 2
# (judged so far, of how many) is told after each frame; who does not want more raises.
Progress = Callable[[int, int], None]
Looked = dict[float, tuple[FaceReport, ...]]


class VideoDetector:
    """Judges videos with the model of a Detector.

    Args:
        detector: Detector. Its model, threshold and settings. Defaults to `Detector()`.
        aggregation: str. A name of `aggregation.AGGREGATIONS`.

    Raises:
        SettingError: there is no such aggregation.

    Example:
        >>> report = VideoDetector().detect("clip.mp4")  # doctest: +SKIP
        >>> report.verdict, [person.p_fake for person in report.people]  # doctest: +SKIP
        ('fake', [0.97, 0.02])
    """

    def __init__(self, detector: Detector | None = None, aggregation: str = DEFAULT):
        if aggregation not in AGGREGATIONS:
            raise SettingError(
                f"The aggregation must be one of {', '.join(AGGREGATIONS)}. "
                f"Received: {aggregation!r}."
            )
        self._detector = detector or Detector()
        self._aggregation = aggregation

    def detect(
        self, path: str | Path, *, file: str | None = None, progress: Progress | None = None
    ) -> VideoReport:
        """Judge a video.

        Args:
            path: str or Path. MP4, MOV, WebM, MKV or AVI.
            file: str. What the report calls it. Defaults to the path.
            progress: callable. Told (frames judged, frames to judge). What it raises ends the
                analysis, and the decoder with it.

        Returns:
            The VideoReport. What could be decoded of a damaged file is judged, with a note.

        Raises:
            VideoError: nothing could be decoded, or it passes a limit of the settings.
        """
        began = time.perf_counter()
        report = progress or (lambda _done, _all: None)
        path = Path(path)
        with Clip(path, self._detector.settings) as clip:
            notes = _notes(clip)
            small = list(clip.frames(sampling.small_times(clip.times, clip.keys),
                                     sampling.SMALL_SIDE))  # fmt: skip
            shots = sampling.shots(
                [frame.time for frame in small], [frame.pixels for frame in small], clip.seconds
            )
            chosen = sampling.sample_times(shots, clip.times, clip.keys)
            times = [moment for of_shot in chosen for moment in of_shot]
            looked: Looked = {}
            size = (0, 0)
            try:
                size = self._look(clip, times, looked, len(times), report)
                more = sampling.closer_times(self._doubtful(looked, shots), clip.times, times)
                self._look(clip, more, looked, len(times) + len(more), report)
            except VideoError as error:
                if not looked:
                    raise
                notes.append(f"Only the first part was judged. {error}")
            if clip.broken:
                notes.append("Parts of this video are damaged; what could be decoded was judged.")
            if not looked:
                raise VideoError("No frame of this video can be decoded. Export it again.")
            people = self._people(looked, shots)
            return VideoReport(
                file=str(path) if file is None else file,
                sha256=sha256_of(path),
                byte_count=path.stat().st_size,
                format=clip.format,
                codec=clip.codec,
                width=size[0],
                height=size[1],
                seconds=clip.seconds,
                frames=len(clip.times),
                sampled=tuple(sorted(looked)),
                shots=tuple((shot.start, shot.end) for shot in shots),
                people=tuple(people),
                verdict=verdict.worst([person.verdict for person in people]),
                p_fake=max((p.p_fake for p in people if p.p_fake is not None), default=None),
                threshold=self._detector.threshold,
                uncertain_band=self._band(len(people)),
                aggregation=self._aggregation,
                model={
                    "name": self._detector.model.manifest.name,
                    "version": self._detector.model.manifest.version,
                    "sha256": self._detector.model.sha256,
                    "backend": self._detector.model.backend.name,
                },
                notes=tuple(notes),
                seconds_spent=time.perf_counter() - began,
            )

    def _look(
        self, clip: Clip, times: Sequence[float], looked: Looked, total: int, report: Progress
    ) -> tuple[int, int]:
        size = (0, 0)
        for frame in clip.frames(times):
            size = (frame.pixels.shape[1], frame.pixels.shape[0])
            looked[frame.time] = self._detector.detect(Picture.from_array(frame.pixels)).faces
            report(len(looked), total)
        return size

    def _doubtful(self, looked: Looked, shots: Sequence[Shot]) -> list[tuple[float, float]]:
        """Between neighbouring samples of one shot whose scores lie about the threshold."""
        low, high = self._band(1)
        found = []
        for person in self._people(looked, shots):
            if person.p_fake is None or not low * 0.5 <= person.p_fake <= (1 + high) / 2:
                continue
            moments = [sample.time for sample in person.samples]
            found += list(pairwise(moments))
        return found

    def _people(self, looked: Looked, shots: Sequence[Shot]) -> list[Person]:
        starts = [shot.start for shot in shots]
        by_shot: dict[int, list[float]] = {}
        for moment in sorted(looked):
            by_shot.setdefault(max(0, bisect_right(starts, moment) - 1), []).append(moment)
        tracks = [
            (shot, [Sample(moments[number], face) for number, face in track])
            for shot, moments in by_shot.items()
            for track in follow([looked[moment] for moment in moments])
        ]
        # A face that is seen once in a shot of many samples is a chance find, or passes by.
        kept = [
            (shot, track) for shot, track in tracks if len(track) > 1 or len(by_shot[shot]) < FEW
        ]
        band = self._band(len(kept))
        people = [self._judged(shot, track, band) for shot, track in kept]
        return sorted(people, key=lambda p: -1.0 if p.p_fake is None else p.p_fake, reverse=True)

    def _judged(self, shot: int, track: Sequence[Sample], band: tuple[float, float]) -> Person:
        scored = [(s.time, s.face.p_fake) for s in track if s.face.p_fake is not None]
        reasons = list(_common(sample.face.reasons for sample in track))
        if not scored:
            return Person(shot, tuple(track), None, "not_applicable", tuple(reasons))
        times, p_fakes = [t for t, _ in scored], [p for _, p in scored]
        p_fake = AGGREGATIONS[self._aggregation](p_fakes)
        threshold = self._detector.threshold
        said: Verdict = verdict.decide(p_fake, threshold, band)
        if len(scored) < FEW:
            reasons.append("few_frames")
            said = "uncertain" if said == "fake" else said
        elif said == "fake" and fake_stretches(times, p_fakes, threshold) < NEEDED_STRETCHES:
            reasons.append("one_stretch")
            said = "uncertain"
        return Person(shot, tuple(track), p_fake, said, tuple(reasons))

    def _band(self, people: int) -> tuple[float, float]:
        manifest = self._detector.model.manifest
        return verdict.uncertain_band(manifest, self._detector.threshold, max(1, people))


def _common(reasons: Iterable[Sequence[str]]) -> list[str]:
    """Reasons of more than half."""
    found = [set(of_one) for of_one in reasons]
    counts = Counter(reason for of_one in found for reason in of_one)
    return [reason for reason, count in counts.items() if 2 * count > len(found)]


def _notes(clip: Clip) -> list[str]:
    notes = [UNMEASURED]
    if clip.has_sound:
        notes.append("Sound is not analysed.")
    if clip.hdr:
        notes.append(f"This video is HDR ({clip.hdr}); its colours were read as ordinary ones.")
    return notes
