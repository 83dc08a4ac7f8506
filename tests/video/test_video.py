"""Films: what is said of the people in them, what is refused, and what is written."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from deepfake import Detector, cli
from deepfake.errors import SettingError, VideoError
from deepfake.imaging import Picture
from deepfake.settings import Settings
from deepfake.video import aggregation, decoding, html, kept, sampling
from deepfake.video.annotate import annotate
from deepfake.video.clip import Clip
from deepfake.video.detector import BEYOND, VideoDetector
from deepfake.video.frames import Frames
from tests.conftest import EXAMPLES
from tests.video import clips
from tests.video.clips import RATE, SIZE, film, sound_only, written


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """Three seconds of a swapped face, then three of a real one, with sound."""
    photos = [EXAMPLES / "fake_swap_hopper.jpg", EXAMPLES / "eileen_collins.png"]
    return film(tmp_path_factory.mktemp("films") / "cut.mp4", photos, sound=True)


@pytest.fixture(scope="module")
def report(cut, detector):
    return VideoDetector(detector).detect(cut)


def test_each_person_has_a_verdict_and_a_cut_begins_a_new_one(report, detector):
    assert len(report.shots) == 2
    assert abs(report.shots[0][1] - 3.0) < 1.1
    fake, real = report.people
    assert (fake.shot, fake.verdict) == (0, "fake")
    assert real.shot == 1
    assert real.verdict != "fake"
    assert real.p_fake < fake.p_fake
    assert (report.verdict, report.p_fake) == ("fake", fake.p_fake)
    assert all(len(person.judged) >= 4 for person in report.people)
    # The frames that decided are where the face was at that time.
    photo = detector.detect(EXAMPLES / "fake_swap_hopper.jpg").faces[0]
    widths = [s.face.box[2] - s.face.box[0] for s in fake.samples]
    assert np.allclose(widths, (photo.box[2] - photo.box[0]) * 340 / 512, rtol=0.2)


def test_a_report_says_what_it_is_of_and_what_it_leaves_out(report):
    said = json.loads(json.dumps(report.to_dict()))
    assert (said["video"]["width"], said["video"]["height"]) == SIZE
    assert said["video"]["frames"] == 6 * RATE
    assert len(said["sampled"]) < said["video"]["frames"]
    assert any("Sound is not analysed" in note for note in said["notes"])
    # Two shots: the rates beside the verdict are of clips of one.
    assert BEYOND in said["notes"]
    # How often such verdicts are wrong, in clips, as the model's manifest has it.
    assert said["error_rates"]["all"]["reals"] >= 60
    assert f"of {said['error_rates']['all']['reals']} real ones" in report.rates_sentence
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert len(rows) == sum(len(person.samples) for person in report.people)
    assert {row["person"] for row in rows} == {"1", "2"}


def test_the_annotated_copy_is_as_long_has_its_sound_and_shows_the_box(cut, report, tmp_path):
    target = tmp_path / "shown.mp4"
    annotate(cut, report, target)
    with av.open(str(target)) as container, av.open(str(cut)) as original:
        assert container.streams.audio
        frames = list(container.decode(video=0))
        assert len(frames) == 6 * RATE
        assert abs(frames[-1].time - list(original.decode(video=0))[-1].time) < 0.1
    sample = report.people[0].samples[0]
    shown = frames[round(sample.time * RATE)].to_ndarray(format="rgb24")
    left, top, right, _ = sample.face.box
    # Vermilion along the upper edge of the box.
    edge = shown[top - 1 : top + 3, left + 5 : right - 5].reshape(-1, 3).astype(int)
    assert ((edge[:, 0] > 150) & (edge[:, 2] < 90)).mean() > 0.3


def test_a_copy_never_replaces_its_video(cut, report, tmp_path):
    video = Path(shutil.copy(cut, tmp_path / "cut.mp4"))
    with pytest.raises(VideoError, match="the video itself"):
        annotate(video, report, video)
    assert video.read_bytes() == cut.read_bytes()


def test_what_cannot_be_annotated_leaves_nothing_behind(cut, report, tmp_path):
    with pytest.raises(VideoError, match=r"end its name with \.mp4"):
        annotate(cut, report, tmp_path / "shown.avi")
    (tmp_path / "broken.mp4").write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(VideoError):
        annotate(tmp_path / "broken.mp4", report, tmp_path / "shown.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.mp4"]


@pytest.mark.parametrize("name", ["mp4", "mov", "mkv", "avi", "webm"])
def test_a_container_is_known_by_its_first_bytes(name, tmp_path):
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(name, "libx264")
    path = film(tmp_path / f"film.{name}", [EXAMPLES / "coffee.png"], 1.0, codec=codec)
    with Clip(path.rename(tmp_path / "film.bin"), Settings()) as clip:
        frames = list(clip.frames(clip.times[::5]))
    assert len(clip.times) == RATE
    assert [frame.pixels.shape for frame in frames] == [(SIZE[1], SIZE[0], 3)] * 3
    # Coffee on grey: the ground's colour came through both conversions.
    assert np.abs(frames[0].pixels[-30:-5, 5:60].astype(int) - 60).max() < 12


def test_frames_are_the_same_whichever_are_asked_for(tmp_path):
    path = film(tmp_path / "film.mp4", [EXAMPLES / "coffee.png"], 3.0, key_every=20)
    with Clip(path) as clip:
        every = {frame.time: frame.pixels for frame in clip.frames(clip.times)}
        assert len(every) == 3 * RATE
        for chosen in (clip.times[7::11], clip.times[-1:], clip.times[20:22], clip.times[:1]):
            some = list(clip.frames(chosen))
            assert [frame.time for frame in some] == chosen
            assert all(np.array_equal(frame.pixels, every[frame.time]) for frame in some)


def test_quick_frames_are_frames_of_the_film_soon_after_those_asked_for(tmp_path):
    path = film(tmp_path / "film.mp4", [EXAMPLES / "coffee.png"], 3.0, key_every=45)
    with Clip(path) as clip:
        every = {frame.time: frame.pixels for frame in clip.frames(clip.times)}
        wanted = clip.times[1::7]
        quick = list(clip.frames(wanted, exact=False))
        assert len(quick) == len(wanted)
        # x264 puts three frames at most between those that others are compressed from.
        assert all(0 <= frame.time - time <= 4 / RATE
                   for frame, time in zip(quick, wanted, strict=True))  # fmt: skip
        assert any(frame.time > time for frame, time in zip(quick, wanted, strict=True))
        assert all(np.array_equal(frame.pixels, every[frame.time]) for frame in quick)
        # Asked for all, all come, each once.
        assert [f.time for f in clip.frames(clip.times, exact=False)] == clip.times


def test_frames_that_were_passed_are_the_same_and_are_not_decoded_again(tmp_path):
    path = film(tmp_path / "film.mp4", [EXAMPLES / "coffee.png"], 3.0, key_every=25)
    limits = {"path": str(path), "seconds": 10.0, "side": 4096}
    clip, other = decoding.Clip(limits), decoding.Clip(limits)
    # The last before the second key frame comes after the first that is asked for.
    soon = [*clip.times[3:19:4], clip.times[21], *clip.times[27:41:4]]
    expected = dict(other.frames(soon, exact=False))
    ends = [clip.times[17], clip.times[-1]]
    assert len(list(clip.frames(ends, exact=False, soon=soon))) == 2
    clip.container.close()
    kept = list(clip.frames(soon, exact=False))
    assert [time for time, _ in kept] == list(expected)
    assert all(np.array_equal(pixels, expected[time]) for time, pixels in kept)


def test_frames_that_are_kept_take_no_more_room_than_there_is(tmp_path, monkeypatch):
    path = film(tmp_path / "film.mp4", [EXAMPLES / "coffee.png"], 3.0, key_every=25)
    limits = {"path": str(path), "seconds": 10.0, "side": 4096}
    room = SIZE[0] * SIZE[1] * 3 // 2 * 3
    monkeypatch.setattr(kept, "KEPT_BYTES", room)
    clip, other = decoding.Clip(limits), decoding.Clip(limits)
    ends, soon = [clip.times[17], clip.times[-1]], clip.times[3:41:4]
    list(clip.frames(ends, exact=False, soon=soon))
    assert 0 < sum(passed.size for passed in clip._kept._passed) <= room
    expected = list(other.frames(soon, exact=False))
    for (time, pixels), (same_time, same) in zip(
        clip.frames(soon, exact=False), expected, strict=True
    ):
        assert time == same_time
        assert np.array_equal(pixels, same)
    # What nobody asks for any more is gone.
    list(clip.frames(clip.times[:1], exact=False))
    assert not clip._kept._passed


def test_a_cut_that_no_key_frame_marks_shows_in_the_samples(detector, tmp_path, monkeypatch):
    photos = [EXAMPLES / "fake_swap_hopper.jpg", EXAMPLES / "eileen_collins.png"]
    monkeypatch.setattr(clips, "OPTIONS", {"sc_threshold": "0"})
    path = film(tmp_path / "film.mp4", photos, 2.0, key_every=1000)
    with Clip(path) as clip:
        assert clip.keys == [0.0]
    report = VideoDetector(detector).detect(path)
    assert len(report.shots) == 2
    assert report.shots[1][0] == pytest.approx(2.0, abs=0.3)
    assert {person.shot for person in report.people} == {0, 1}


def test_a_fake_is_found_though_each_shot_has_only_one_sample(cut, detector, monkeypatch):
    """As in a film of so many shots that no more are left for one."""
    monkeypatch.setattr(sampling, "MOST", 2)
    report = VideoDetector(detector).detect(cut)
    fake, real = report.people
    assert (fake.shot, fake.verdict, len(fake.judged)) == (0, "fake", 4)
    # Frames are not spent on whom nobody suspects.
    assert real.verdict != "fake" and len(real.judged) == 1
    assert len(report.sampled) == 2 + 3


def test_what_is_no_film_or_too_much_is_refused_with_a_sentence(cut, tmp_path):
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n")
    cases = {
        playlist: "no video that can be read",
        sound_only(tmp_path / "sound.mp4"): "no picture",
        tmp_path / "missing.mp4": "no such file",
        tmp_path: "deepfake scan",
    }
    (tmp_path / "half.mp4").write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    cases[tmp_path / "half.mp4"] = "damaged, or only a part"
    (tmp_path / "empty.mp4").touch()
    cases[tmp_path / "empty.mp4"] = "empty"
    for path, words in cases.items():
        with pytest.raises(VideoError, match=words):
            Clip(path)
    for limits, words in (
        ({"max_video_seconds": 2}, "longer than 2 seconds"),
        ({"max_video_side": 320}, "640 × 360"),
        ({"max_video_bytes": 1000}, "smaller copy"),
    ):
        with pytest.raises(VideoError, match=words):
            Clip(cut, replace(Settings(), **limits))


def test_a_film_of_frames_without_end_is_refused(tmp_path):
    frames = [Image.new("RGB", (64, 64), (n % 256,) * 3) for n in range(600)]
    path = written(tmp_path / "thousand.mp4", frames, rate=1000)
    with pytest.raises(VideoError, match="far more frames than films have"):
        Clip(path, replace(Settings(), max_video_seconds=1))


def test_of_a_film_that_breaks_off_the_rest_is_judged_and_said_so(detector, tmp_path):
    photos = [EXAMPLES / "fake_swap_hopper.jpg"]
    path = film(tmp_path / "film.mkv", photos, 4.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = VideoDetector(detector).detect(path)
    assert report.people
    assert any("damaged" in note for note in report.notes)


def test_nobody_is_called_fake_for_one_stretch_or_few_frames(detector, monkeypatch, tmp_path):
    path = film(tmp_path / "film.mp4", [EXAMPLES / "eileen_collins.png"], 4.0)
    detect = Detector.detect
    calls = []

    def first_quarter_is_fake(self, picture, **options):
        calls.append(1)
        found = detect(self, picture, **options)
        p = 0.9999999 if len(calls) <= 4 else 0.2
        return replace(found, faces=tuple(replace(face, p_fake=p) for face in found.faces))

    monkeypatch.setattr(Detector, "detect", first_quarter_is_fake)
    person = VideoDetector(detector, "top_k").detect(path).people[0]
    assert person.p_fake > 0.75
    assert (person.verdict, person.reasons[-1]) == ("uncertain", "one_stretch")


def test_the_aggregations_are_what_their_names_say():
    p = [0.1, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9]
    odds = np.exp(np.mean(np.log(np.array(p) / (1 - np.array(p)))))
    assert aggregation.mean_logit(p) == pytest.approx(odds / (1 + odds))
    assert aggregation.median(p) == pytest.approx(0.9)
    assert aggregation.top_k(p) == pytest.approx(0.9)
    assert aggregation.confident(p) == pytest.approx(np.mean(p))
    assert aggregation.confident([0.95] * 12 + [0.5] * 8) == pytest.approx(0.95)
    assert aggregation.confident([0.1] * 19 + [0.5]) == pytest.approx(0.1)
    assert 0 < aggregation.mean_logit([0.0, 0.0]) < 1e-6
    with pytest.raises(SettingError, match="mean_logit, median, top_k, confident"):
        VideoDetector(object(), "sum")


def test_faces_are_followed_close_to_where_they_were(detector):
    """As `detect` finds them, whether they moved or another one came; and after they have left."""
    photo = Image.open(EXAMPLES / "eileen_collins.png").convert("RGB")
    photo.thumbnail((340, 340))
    other = Image.open(EXAMPLES / "grace_hopper.jpg").convert("RGB")
    other.thumbnail((340, 340))

    def frame(*places):
        image = Image.new("RGB", (1280, 720), (90, 90, 90))
        for shown, place in places:
            image.paste(shown, place)
        return Picture.from_array(np.asarray(image))

    first = frame((photo, (100, 100)))
    found = detector.find(first)
    for picture in (
        frame((photo, (150, 130))),
        frame((photo, (150, 130)), (other, (800, 300))),
        frame((other, (800, 300))),
        frame(),
    ):
        wanted = [face.box for face in detector.find(picture)]
        boxes = [face.box for face in detector.find(picture, found)]
        assert len(boxes) == len(wanted)
        assert np.allclose(boxes, wanted, atol=0.08 * 340) or not boxes


def test_the_command_says_verdicts_and_goes_on_behind_what_it_cannot_read(cut, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("not a film, whatever its name says")
    code = cli.main(["video", str(tmp_path / "text.mp4"), str(cut), "--json"])
    said = capsys.readouterr()
    refused, judged = (json.loads(line) for line in said.out.splitlines())
    assert code == 2
    assert "no video" in refused["error"] and "no video" in said.err
    assert judged["verdict"] == "fake"
    assert cli.main(["video", str(cut), str(cut), "--csv", str(tmp_path / "x.csv")]) == 1
    assert "Name one file" in capsys.readouterr().err


def test_the_verdict_is_told_though_a_file_cannot_be_written(cut, tmp_path, capsys):
    page = tmp_path / "cut.html"
    options = ["--json", "--html", str(page), "--csv", "/dev/full"]
    assert cli.main(["video", str(cut), *options]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["verdict"] == "fake"
    assert "/dev/full cannot be written: No space left" in said.err and said.err.count("\n") == 1
    # The other file is there.
    assert "Signs of manipulation found" in page.read_text()


def test_of_frames_without_a_face_nobody_says_that_they_were_judged(tmp_path, capsys):
    path, page = film(tmp_path / "film.mp4", [EXAMPLES / "coffee.png"], 1.0), tmp_path / "p.html"
    assert cli.main(["video", str(path), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "of 15 frames looked at, 0 % of them with a judged face" in said
    assert "frames judged" not in said
    # Nor how often verdicts are wrong, where there is none.
    assert "were caught" not in said and "they caught" not in page.read_text()


def test_the_command_writes_a_page_and_a_table(cut, tmp_path, capsys):
    page, rows = tmp_path / "cut.html", tmp_path / "cut.csv"
    assert cli.main(["video", str(cut), "--html", str(page), "--csv", str(rows)]) == 0
    said = capsys.readouterr().out
    assert "person 2: " in said and BEYOND in said
    shown = page.read_text()
    assert "cut.mp4" in shown and "Sound is not analysed" in shown and BEYOND in shown
    # Each person's frames are in the file itself, which loads nothing from elsewhere.
    assert shown.count("data:image/jpeg;base64,") >= 4
    assert not re.search(r"(src|href)=.?(https?:)?//", shown)
    with rows.open() as file:
        assert {row["person"] for row in csv.DictReader(file)} == {"1", "2"}


@pytest.mark.parametrize("option", ["--csv", "--html", "--annotate"])
def test_the_command_never_writes_over_the_video(cut, option, tmp_path, capsys):
    video, before = tmp_path / "cut.mp4", cut.read_bytes()
    video.write_bytes(before)
    (tmp_path / "linked.mp4").symlink_to(video)
    for place in (video, tmp_path / "linked.mp4"):
        assert cli.main(["video", str(video), option, str(place)]) == 1
        said = capsys.readouterr()
        assert "would replace the video. Name another place." in said.err and not said.out
    assert video.read_bytes() == before


def test_what_cannot_be_written_is_said_before_anything_is_judged(cut, tmp_path, capsys):
    same = tmp_path / "same.mp4"
    for options, sentence in (
        (["--html", tmp_path / "nowhere" / "a.html"], "has no folder to lie in"),
        (["--csv", tmp_path], "is a folder"),
        (["--csv", tmp_path / ("a" * 300)], "cannot be written"),
        (["--html", same, "--annotate", same], "is what --html writes, too"),
        (["--annotate", tmp_path / "a.avi"], "end its name with .mp4"),
    ):
        assert cli.main(["video", str(cut), *map(str, options)]) == 1
        said = capsys.readouterr()
        assert sentence in said.err and said.err.count("\n") == 1 and not said.out
    assert list(tmp_path.iterdir()) == []


def test_on_paper_nobody_is_asked_to_click(report, tmp_path, chromium):
    path = tmp_path / "report.html"
    path.write_text(html.page(report, Frames()), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(path.as_uri())
        how = page.get_by_text("Click a dot")
        assert how.is_visible()
        page.emulate_media(media="print")
        assert not how.is_visible()
        # A person's figure may lie outside those of all frames that are shown.
        assert page.get_by_text("corrected by what was measured on whole clips").is_visible()
        browser.close()
