"""How a face moves: made films that stand still, flicker or blink, and ones that do not."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepfake import cli
from deepfake.faces import FaceDetector
from deepfake.imaging import Picture
from deepfake.mesh import LEFT_EYE, RIGHT_EYE, FaceMesh
from deepfake.report import FaceReport
from deepfake.settings import Settings
from deepfake.video import hints
from deepfake.video.clip import Clip
from deepfake.video.report import Person, Sample
from tests.conftest import EXAMPLES
from tests.video.clips import written

RATE, SIDE = 15, 420


@pytest.fixture(scope="module")
def face():
    """(photo with open eyes, the same with closed ones, box within it, where it is in a frame)."""
    image = Image.open(EXAMPLES / "eileen_collins.png").convert("RGB").crop((120, 10, 330, 220))
    image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    found = FaceDetector().detect(Picture.from_array(np.asarray(image)))[0]
    mesh = FaceMesh().detect(image, found.box, found.keypoints).points
    shut = image.copy()
    pen = ImageDraw.Draw(shut)
    for eye in (RIGHT_EYE, LEFT_EYE):
        outline = mesh[list(eye)]
        middle = outline.mean(axis=0)
        lid = image.getpixel((int(middle[0]), int(outline[:, 1].max() + 14)))
        pen.polygon([*map(tuple, middle + (outline - middle) * (1.15, 1.5))], fill=lid)
        pen.line([*map(tuple, mesh[list(eye[:9])])], fill=(60, 40, 30), width=2)
    return image, shut, found


def look(tmp_path, face, shown, seconds=4):
    """The facts of a film; `shown(number, still, shut)` gives the face of each frame."""
    still, shut, found = face
    ground = Image.fromarray(np.random.default_rng(0).integers(80, 120, (36, 64, 3), np.uint8))
    ground = ground.resize((640, 480), Image.Resampling.BICUBIC)
    frames = []
    for number in range(seconds * RATE):
        frame = ground.copy()
        image, moved = shown(number, still, shut)
        frame.paste(image, (100 + moved, 30))
        frames.append(frame)
    path = written(tmp_path / "film.mp4", frames, RATE)
    report = sample(found, 0.0), sample(found, seconds - 0.1)
    with Clip(path) as clip:
        person = Person(0, report, 0.5, "uncertain")
        return {h.name: h for h in hints.look(clip, [person], 640, Settings())}


def sample(found, time):
    box = tuple(round(edge) + shift for edge, shift in zip(found.box, (100, 30) * 2, strict=True))
    return Sample(
        time, FaceReport(box, 1.0, found.keypoints + np.array([100, 30]), 0.5, "uncertain")
    )


def drift(number):
    return round(12 * np.sin(number / 9))


def test_a_face_that_moves_evenly_has_nothing_to_be_noticed(tmp_path, face):
    said = look(tmp_path, face, lambda n, still, _: (still, drift(n)))
    # Four seconds are too few to say how often somebody blinks.
    assert {name: h.noticeable for name, h in said.items()} == {"frozen": False, "flicker": False}


def test_blinks_are_counted_and_their_lack_is_said(tmp_path, face):
    def blinking(number, still, shut):
        return (shut if number % (3 * RATE) in (20, 21, 22) else still), drift(number)

    said = look(tmp_path, face, blinking, 11)["blinks"]
    assert not said.noticeable
    assert "4 blinks were seen in 11 seconds" in said.sentence
    assert said.value == pytest.approx(60 * 4 / 11, abs=1)
    said = look(tmp_path, face, lambda n, still, _: (still, drift(n)), 11)["blinks"]
    assert said.noticeable and said.value == 0


def test_a_face_whose_brightness_jumps_flickers_and_a_changing_light_does_not(tmp_path, face):
    jumps = np.random.default_rng(1).normal(0, 0.05, 4 * RATE)

    def flickering(number, still, _):
        return still.point(lambda v: v * (1 + jumps[number])), drift(number)

    def dimmed(number, still, _):
        return still.point(lambda v: v * (1 + 0.2 * np.sin(number / 15))), drift(number)

    flickers = look(tmp_path, face, flickering)["flicker"]
    assert flickers.noticeable and "jumps by" in flickers.sentence
    assert not look(tmp_path, face, dimmed)["flicker"].noticeable


def test_a_picture_that_stands_still_is_told_for_how_long(tmp_path, face):
    said = look(tmp_path, face, lambda n, still, _: (still, drift(min(n, 2 * RATE))))["frozen"]
    assert said.noticeable
    assert said.value == pytest.approx(2, abs=0.3)


def test_hints_are_said_on_request_and_change_no_verdict(tmp_path, face, capsys):
    image = face[0]
    frames = []
    for number in range(2 * RATE):
        frame = Image.new("RGB", (640, 480), (90, 100, 110))
        frame.paste(image, (100 + drift(number), 30))
        frames.append(frame)
    path = str(written(tmp_path / "film.mp4", frames, RATE))
    assert cli.main(["video", path, "--json"]) == 0
    assert cli.main(["video", path, "--json", "--hints"]) == 0
    plain, more = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert plain["hints"] == []
    # Too short to say how often somebody blinks.
    assert [hint["name"] for hint in more["hints"]] == ["frozen", "flicker"]
    assert (plain["verdict"], plain["p_fake"]) == (more["verdict"], more["p_fake"])
