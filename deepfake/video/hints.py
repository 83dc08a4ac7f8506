"""What moves, or does not, from frame to frame: facts beside the verdict, never part of it.

A stretch of up to 20 seconds of one person is looked at, some 12 frames a second, with the face
mesh alone. Each of these has harmless causes, too, which its sentence names:

* frozen: for how long nothing moves in the face. Many generators drive a still picture, and some
  leave it standing; so does a bad connection.
* flicker: how much further the face's brightness jumps from frame to frame than that of its
  surroundings.
  Networks that make each frame by itself do that; so do screens and lamps.
* blinks: how often both eyes close (Li, Chang & Lyu 2018, arXiv 1806.02877: early deepfakes hardly
  blinked; today's do). People blink some 15 to 20 times a minute, readers less than half of that.
  Said only where ten seconds and eyes of twelve pixels were seen. Tried on made films alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deepfake.mesh import FACE_OVAL, LEFT_EYE, RIGHT_EYE, FaceMesh
from deepfake.settings import Settings
from deepfake.video.clip import Clip
from deepfake.video.report import Hint, Person, Sample

MOST_SECONDS, A_SECOND, FEWEST_FRAMES = 20.0, 12.5, 8
# Longest side of the frames in pixels.
SIDE = 960
MIN_PRESENCE = 0.5
# Nothing moves where the face changes by less than this, in levels of 255, for so long.
STILL_LEVELS, STILL_SECONDS = 0.4, 0.5
# From here on, in levels of 255, brightness jumps (docs/video.md has what real faces do).
FLICKER_LEVELS = 1.5
# Eyes are closed where they are so much less dark than this person's usually are.
CLOSED_SHARE, USUAL_PERCENTILE = 0.6, 75.0
# A closing of more frames than this is no blink.
BLINK_SECONDS = 0.6
# Of the box: what of it is face for sure, and between which its surroundings lie.
FACE_SHARE, AROUND_SHARES = 0.7, (1.25, 1.7)
Area = tuple[slice, slice]
SMALLEST_EYE, BLINKS_FROM_SECONDS = 12.0, 10.0


@dataclass(frozen=True)
class Moment:
    """What is kept of a frame.

    Attributes:
        time: float. In seconds.
        difference: float. Mean change of the face's pixels since the frame before, in levels.
        face: float. Its brightness, in levels.
        around: float. That of its surroundings.
        openness: float. How much darker the eyes are than the cheeks, as a share: open ones are.
        eye: float. Width of the narrower eye in pixels.
    """

    time: float
    difference: float
    face: float
    around: float
    openness: float
    eye: float


def look(clip: Clip, people: Sequence[Person], width: int, settings: Settings) -> tuple[Hint, ...]:
    """Look at the person who is seen in most samples.

    Args:
        clip: Clip. Open.
        people: sequence of Person. Of its report.
        width: int. Of the frames that they were found in, in pixels.
        settings: Settings.

    Returns:
        The facts that could be found; none where nobody is seen long enough.

    Raises:
        VideoError: the decoder broke off.
    """
    person = max(people, key=lambda one: len(one.samples), default=None)
    if person is None:
        return ()
    return facts(list(moments(clip, person, width, FaceMesh(settings))))


def moments(clip: Clip, person: Person, width: int, mesh: FaceMesh) -> Iterator[Moment]:
    """Follow a person's face by the mesh alone, from one sample to the next.

    Args:
        clip: Clip. Open.
        person: Person. Where the face was in the samples.
        width: int. Of the frames that it was found in, in pixels.
        mesh: FaceMesh.
    """
    start = person.samples[0].time
    end = min(person.samples[-1].time, start + MOST_SECONDS)
    times = [time for time in clip.times if start <= time <= end]
    step = max(1, round(len(times) / max(1e-6, end - start) / A_SECOND))
    box: np.ndarray | None = None
    eyes = np.zeros((2, 2))
    before: tuple[np.ndarray, Area] | None = None
    for frame in clip.frames(times[::step], SIDE):
        image = frame.picture.image
        if box is None:
            # Where the report has it, at the sample that is nearest in time.
            near = _nearest(person.samples, frame.time)
            scale = image.width / width
            box = np.array(near.face.box, np.float64) * scale
            eyes = near.face.keypoints[:2] * scale
        found = mesh.detect(image, (box[0], box[1], box[2], box[3]), eyes)
        if found.presence < MIN_PRESENCE:
            box, before = None, None  # lost: taken up again where the report has it
            continue
        points = found.points
        oval = points[list(FACE_OVAL)]
        box = np.concatenate([oval.min(axis=0), oval.max(axis=0)])
        eyes = np.stack([points[list(RIGHT_EYE)].mean(axis=0), points[list(LEFT_EYE)].mean(axis=0)])
        grey = np.asarray(image.convert("L"), np.float32)
        face, around = _areas(grey, box)
        change = np.inf
        if before is not None and before[0].shape == grey.shape:
            # Both where the face was: the mesh trembles, even on a picture that stands still.
            was, place = before
            change = float(np.abs(grey[place] - was[place]).mean())
        before = grey, _square(box, FACE_SHARE, grey.shape)
        openness, eye = _eyes(grey, points)
        yield Moment(frame.time, change, float(face.mean()), around, openness, eye)


def facts(seen: Sequence[Moment]) -> tuple[Hint, ...]:
    """What a stretch shows.

    Args:
        seen: sequence of Moment. In order of time.

    Returns:
        The facts that so many frames allow.
    """
    if len(seen) < FEWEST_FRAMES:
        return ()
    seconds = seen[-1].time - seen[0].time
    found = [_frozen(seen, seconds), _flicker(seen, seconds)]
    if seconds >= BLINKS_FROM_SECONDS and np.median([m.eye for m in seen]) >= SMALLEST_EYE:
        found.append(_blinks(seen, seconds))
    return tuple(found)


def _frozen(seen: Sequence[Moment], seconds: float) -> Hint:
    longest = began = 0.0
    for earlier, later in pairwise(seen):
        if later.difference < STILL_LEVELS:
            began = began or earlier.time + 1e-9
            longest = max(longest, later.time - began)
        else:
            began = 0.0
    noticeable = longest >= STILL_SECONDS
    sentence = (
        f"The face stands still for {longest:.1f} seconds, as a picture does, or a video whose "
        "connection is bad."
        if noticeable
        else "The face never stands still like a picture."
    )
    return Hint("frozen", noticeable, longest, seconds, sentence)


def _flicker(seen: Sequence[Moment], seconds: float) -> Hint:
    both = np.array([(moment.face, moment.around) for moment in seen])
    # What is left when slow changes are taken away: half of the second difference.
    face, around = np.median(np.abs(both[1:-1] - (both[:-2] + both[2:]) / 2), axis=0)
    level = max(0.0, float(face - around))
    noticeable = level >= FLICKER_LEVELS
    sentence = (
        f"The face's brightness jumps by {level:.1f} of 255 levels from frame to frame, and its "
        "surroundings' do not, as in faces that are made frame by frame, or lit by a screen."
        if noticeable
        else "The face's brightness is as steady as that of its surroundings."
    )
    return Hint("flicker", noticeable, level, seconds, sentence)


def _blinks(seen: Sequence[Moment], seconds: float) -> Hint:
    openness = np.array([moment.openness for moment in seen])
    closed = openness < CLOSED_SHARE * np.percentile(openness, USUAL_PERCENTILE)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], closed, [False]])))
    count = sum(
        seen[min(end, len(seen) - 1)].time - seen[start].time <= BLINK_SECONDS
        for start, end in edges.reshape(-1, 2).tolist()
    )
    rate = 60 * count / seconds
    noticeable = count == 0
    sentence = (
        f"No blink was seen in {seconds:.0f} seconds; most people blink every 3 to 6 seconds, "
        "readers less."
        if noticeable
        else f"{count} blink{'s were' if count > 1 else ' was'} seen in {seconds:.0f} seconds."
    )
    return Hint("blinks", noticeable, rate, seconds, sentence)


def _nearest(samples: Sequence[Sample], time: float) -> Sample:
    return min(samples, key=lambda sample: abs(sample.time - time))


def _areas(grey: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, float]:
    """The face's pixels, and how bright what surrounds it is."""
    face, inner, outer = (
        grey[_square(box, share, grey.shape)] for share in (FACE_SHARE, *AROUND_SHARES)
    )
    pixels = outer.size - inner.size
    around = (float(outer.sum()) - float(inner.sum())) / pixels if pixels > 0 else 0.0
    return face, around


def _square(box: np.ndarray, share: float, shape: tuple[int, ...]) -> Area:
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    low = np.clip(np.rint(centre - share * half), 0, (shape[1] - 1, shape[0] - 1)).astype(int)
    high = np.maximum(np.rint(centre + share * half).astype(int), low + 1)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _eyes(grey: np.ndarray, points: np.ndarray) -> tuple[float, float]:
    """(how much darker than the cheek below they are, 0 to 1; width of the narrower one).

    The mesh tells where the eyes are, and hardly follows their lids; iris, pupil and lashes are
    dark, and what is left of them when an eye is closed is a line.
    """
    shares, widths = [], []
    for eye in (points[list(RIGHT_EYE)], points[list(LEFT_EYE)]):
        (left, top), (right, bottom) = eye.min(axis=0), eye.max(axis=0)
        width, middle = float(right - left), float(top + bottom) / 2
        seen = _rows(grey, left, right, middle - width / 4, middle + width / 4)
        cheek = float(np.median(_rows(grey, left, right, bottom + width / 4, bottom + width / 2)))
        shares.append(float(np.clip(cheek - seen, 0, None).mean()) / max(cheek, 1.0))
        widths.append(width)
    return sum(shares) / 2, min(widths)


def _rows(grey: np.ndarray, left: float, right: float, top: float, bottom: float) -> np.ndarray:
    """A part of a picture, of one pixel at least."""
    height, width = grey.shape
    x, y = (int(np.clip(edge, 0, most - 1)) for edge, most in ((left, width), (top, height)))
    return grey[y : max(y + 1, int(bottom)), x : max(x + 1, int(right))]
