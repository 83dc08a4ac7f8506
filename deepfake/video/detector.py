"""A video → a verdict on each person in it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from deepfake import verdict
from deepfake.detector import Detector
from deepfake.errors import SettingError, VideoError
from deepfake.faces import Face
from deepfake.files.digest import sha256_of
from deepfake.report import FaceReport, Report
from deepfake.video import sampling
from deepfake.video.aggregation import AGGREGATIONS, DEFAULT
from deepfake.video.clip import Clip, Frame
from deepfake.video.hints import look
from deepfake.video.people import (
    FEW,
    MEASURED_PEOPLE,
    SHORTEST,
    Band,
    Rule,
    follow,
    is_seen_enough,
    scores,
)
from deepfake.video.report import Hint, Person, Sample, VideoReport
from deepfake.video.sampling import Shot, number_of

UNMEASURED = (
    "How often verdicts on videos are wrong has not been measured for this model, aggregation and "
    "threshold; the model learned from photos."
)
BEYOND = (
    "The error rates beside this verdict are of short clips of one shot with at most two people; "
    "this video has more."
)
# (judged so far, of how many) is told after each frame; who does not want more raises.
Progress = Callable[[int, int], None]
Watch = Callable[[Frame], None]
Looked = dict[float, tuple[FaceReport, ...]]
# In between, faces are looked for where they were a sample before.
NEWCOMERS_EVERY = 4
# Frames that wait to be judged, in memory.
AHEAD = 2


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
        clips = self._detector.model.manifest.clips
        threshold, measured_at = self._detector.threshold, self._detector.model.manifest.threshold
        self._rule = Rule(aggregation, threshold, clips, is_own=threshold == measured_at)

    def detect(
        self,
        path: str | Path,
        *,
        file: str | None = None,
        hints: bool = False,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> VideoReport:
        """Judge a video.

        Args:
            path: str or Path. MP4, MOV, WebM, MKV or AVI.
            file: str. What the report calls it. Defaults to the path.
            hints: bool. Whether to look besides at how the person who is seen most moves
                (`video.hints`), which takes some seconds. Defaults to not.
            progress: callable. Told (frames judged, frames to judge). What it raises ends the
                analysis, and the decoder with it.
            watch: callable. Shown each Frame that is judged, such as `frames.Frames`.

        Returns:
            The VideoReport. What could be decoded of a damaged file is judged, with a note.

        Raises:
            VideoError: nothing could be decoded, or it passes a limit of the settings.
        """
        began = time.perf_counter()
        report = progress or (lambda _done, _all: None)
        path = Path(path)
        clips = self._rule.measured
        with Clip(path, self._detector.settings) as clip:
            notes = _notes(clip, measured=clips is not None)
            seen = _Seen(clip, watch)
            shots = seen.shots()
            try:
                self._look(seen.beginning(clip), seen, sampling.PER_SHOT, report)
                shots = seen.shots()
                chosen = sampling.sample_times(shots, clip.times, clip.keys)
                times = [moment for of_shot in chosen for moment in of_shot]
                # Where scores will be near the threshold is not known yet; it may be anywhere.
                soon = sampling.between(times, shots, clip.times, clip.keys)
                seen.keep(times)
                rest = [moment for moment in times if moment not in seen.looked]
                frames = clip.frames(rest, exact=False, soon=soon)
                self._look(frames, seen, len(times), report)
                shots = seen.shots()
                more = self._more_times(clip, seen.looked, shots)
                frames = clip.frames(more, exact=False)
                self._look(frames, seen, len(times) + len(more), report)
            except VideoError as error:
                if not seen.looked:
                    raise
                shots = seen.shots()
                notes.append(f"Only the first part was judged. {error}")
            if clip.broken:
                notes.append("Parts of this video are damaged; what could be decoded was judged.")
            looked, size = seen.looked, seen.size
            if not looked:
                raise VideoError("No frame of this video can be decoded. Export it again.")
            people, band = self._people(looked, shots)
            judged = [person for person in people if person.judged]
            if clips is not None and (len(judged) > MEASURED_PEOPLE or len(shots) > 1):
                notes.insert(0, BEYOND)
            moves: tuple[Hint, ...] = ()
            if hints:
                try:
                    moves = look(clip, people, size[0], self._detector.settings)
                except VideoError as error:
                    notes.append(f"How the face moves was not looked at. {error}")
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
                uncertain_band=band,
                aggregation=self._rule.aggregation,
                model={
                    "name": self._detector.model.manifest.name,
                    "version": self._detector.model.manifest.version,
                    "sha256": self._detector.model.sha256,
                    "backend": self._detector.model.backend.name,
                },
                clips=clips,
                hints=moves,
                notes=tuple(notes),
                seconds_spent=time.perf_counter() - began,
            )

    def _look(self, frames: Iterable[Frame], seen: _Seen, total: int, report: Progress) -> None:
        """Judge frames: while one is judged, faces are looked for in the next one already."""
        waiting: deque[tuple[float, Future[Report]]] = deque()
        shots = seen.shots()

        def take() -> None:
            moment, judged = waiting.popleft()
            seen.looked[moment] = judged.result().faces
            report(len(seen.looked), total)

        broke_off: VideoError | None = None
        with ThreadPoolExecutor(1) as pool:
            try:
                for number, frame in enumerate(frames):
                    near = seen.near(frame.time, shots)
                    newcomers = number % NEWCOMERS_EVERY == 0
                    faces = self._detector.find(frame.picture, near, newcomers=newcomers)
                    seen.add(frame, faces)
                    judged = pool.submit(self._detector.detect, frame.picture, found=faces)
                    waiting.append((frame.time, judged))
                    if len(waiting) > AHEAD:
                        take()
            except VideoError as error:
                broke_off = error
            while waiting:
                take()
        if broke_off is not None:
            raise broke_off

    def _more_times(self, clip: Clip, looked: Looked, shots: Sequence[Shot]) -> list[float]:
        """Of suspects who were hardly seen, and between samples whose scores are too close to call.

        Neighbouring samples of one shot, that is, about the threshold.
        """
        low, high = self._rule.band(self._detector.model.manifest, [])
        lacking, doubtful = [], []
        for person in self._people(looked, shots)[0]:
            if person.p_fake is None:
                continue
            missing = FEW - len(person.judged)
            if missing > 0 and person.p_fake >= self._detector.threshold:
                start, end = _around(person, looked, shots[person.shot])
                # Nobody who is seen for less is called fake.
                if end - start >= SHORTEST:
                    lacking.append((start, end, missing))
            elif low * 0.5 <= person.p_fake <= (1 + high) / 2:
                doubtful += list(pairwise(sample.time for sample in person.samples))
        fuller = sampling.fuller_times(lacking, clip.times, list(looked))
        closer = sampling.closer_times(
            doubtful, clip.times, clip.keys, [*looked, *fuller], sampling.CLOSER - len(fuller)
        )
        return sorted([*fuller, *closer])

    def _people(self, looked: Looked, shots: Sequence[Shot]) -> tuple[list[Person], Band]:
        """Those who were seen, the most suspicious first, and the band for so many."""
        by_shot: dict[int, list[float]] = {}
        for moment in sorted(looked):
            by_shot.setdefault(number_of(shots, moment), []).append(moment)
        tracks = [
            (shot, [Sample(moments[number], face) for number, face in track])
            for shot, moments in by_shot.items()
            for track in follow([looked[moment] for moment in moments])
        ]
        # A face that is seen once in a shot of many samples is a chance find, or passes by.
        kept = [
            (shot, track) for shot, track in tracks if len(track) > 1 or len(by_shot[shot]) < FEW
        ]
        judged = list(filter(None, (scores(track) for _, track in kept)))
        seen = [[p_fake for _, p_fake in one] for one in judged if is_seen_enough(one)]
        manifest = self._detector.model.manifest
        band = self._rule.band(manifest, seen, len(judged) - len(seen))
        people = [self._rule.judged(shot, track, band) for shot, track in kept]
        people.sort(key=lambda p: -1.0 if p.p_fake is None else p.p_fake, reverse=True)
        return people, band


class _Seen:
    """What has been seen of a clip so far.

    Args:
        clip: Clip. Its small frames are looked at, to know its shots.
        watch: callable. Shown the frames that are judged; nothing for nobody.

    Attributes:
        looked: dict. Time → faces of a frame.
        size: (width, height) of the frames that were judged.
    """

    def __init__(self, clip: Clip, watch: Watch | None):
        self.looked: Looked = {}
        self.size = (0, 0)
        self._found: dict[float, list[Face]] = {}
        self._watch = watch or (lambda _frame: None)
        self._keys, self._end = clip.keys, clip.seconds
        self._small: dict[float, np.ndarray] = {}

    def beginning(self, clip: Clip) -> Iterator[Frame]:
        """Look for cuts in small frames.

        Most clips are of one shot. So those among the frames that would be its samples come whole
        and are handed on, to be judged while the others are decoded, as long as no cut is seen.
        """
        times = sampling.small_times(clip.times, clip.keys)
        shot = Shot(0.0, self._end)
        (likely,) = sampling.sample_times([shot], clip.times, clip.keys)
        # The first small frame says how small the others are.
        whole = likely if set(likely) <= set(times[1:]) else []
        rest = [
            *(likely if not whole else ()),
            *sampling.between(likely, [shot], clip.times, clip.keys),
        ]
        for frame in clip.frames(
            times, sampling.SMALL_SIDE, exact=False, soon=sorted(rest), whole=whole
        ):
            if max(frame.pixels.shape[:2]) <= sampling.SMALL_SIDE:
                self._small[frame.time] = frame.pixels
                continue
            self._shrink(frame)
            if len(self.shots()) == 1:
                yield frame

    def keep(self, times: Sequence[float]) -> None:
        """Forget what was judged as a sample of a film without cuts, and is none."""
        self.looked = {time: faces for time, faces in self.looked.items() if time in times}
        self._found = {time: faces for time, faces in self._found.items() if time in times}

    def near(self, time: float, shots: Sequence[Shot]) -> list[Face]:
        """The faces of the frame that is nearest in time in the same shot, of those seen so far."""
        shot = number_of(shots, time)
        others = (other for other in self._found if number_of(shots, other) == shot)
        nearest = min(others, key=lambda other: abs(other - time), default=None)
        return [] if nearest is None else self._found[nearest]

    def add(self, frame: Frame, faces: list[Face]) -> None:
        """A frame that is judged, and the faces in it: a cut before it may show."""
        self._found[frame.time] = faces
        self._watch(frame)
        self.size = (frame.pixels.shape[1], frame.pixels.shape[0])
        self._shrink(frame)

    def _shrink(self, frame: Frame) -> None:
        shape = next((pixels.shape for pixels in self._small.values()), None)
        if shape is not None and frame.time not in self._small:
            self._small[frame.time] = sampling.small(frame.picture.image, shape)

    def shots(self) -> list[Shot]:
        """As they are known so far."""
        times = sorted(self._small)
        return sampling.shots(times, [self._small[time] for time in times], self._keys, self._end)


def _around(person: Person, looked: Looked, shot: Shot) -> tuple[float, float]:
    """From when to when in the shot a person may be seen: up to samples without them."""
    first, last = person.samples[0].time, person.samples[-1].time
    before = (time for time in looked if shot.start <= time < first)
    after = (time for time in looked if last < time <= shot.end)
    return max(before, default=shot.start), min(after, default=shot.end)


def _notes(clip: Clip, *, measured: bool) -> list[str]:
    notes = [] if measured else [UNMEASURED]
    if clip.has_sound:
        notes.append("Sound is not analysed.")
    if clip.hdr:
        notes.append(f"This video is HDR ({clip.hdr}); its colours were read as ordinary ones.")
    return notes
