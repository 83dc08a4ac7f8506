import io
import json

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

import deepfake
from deepfake import imaging
from deepfake.errors import ImageError, NoFaceError, SettingError
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
from tests.modelstore.tiny_onnx import channel_means


def test_a_path_its_bytes_its_pixels_and_predict_score_the_same(detector, portrait):
    scores = [
        detector.detect(portrait).p_fake,
        detector.detect(str(portrait)).p_fake,
        detector.detect(portrait.read_bytes()).p_fake,
        detector.detect(bytearray(portrait.read_bytes())).p_fake,
        detector.detect(imaging.read(portrait).pixels).p_fake,
        detector.detect(Image.open(portrait)).p_fake,
        deepfake.predict(portrait)["Fake"],
    ]
    assert scores == pytest.approx([scores[0]] * 7, abs=1e-9)


def test_predict_returns_both_labels(portrait):
    labels = deepfake.predict(portrait)
    assert set(labels) == {"Fake", "Real"}
    assert sum(labels.values()) == pytest.approx(1.0)


def test_predict_refuses_a_picture_without_a_face(faceless):
    with pytest.raises(NoFaceError, match="No face"):
        deepfake.predict(faceless)


def test_no_face_is_not_applicable_and_the_whole_picture_is_not_relied_on(detector, faceless):
    report = detector.detect(faceless)
    assert (report.verdict, report.p_fake, report.faces) == ("not_applicable", None, ())
    assert report.to_dict()["whole_picture"]["reliable"] is False


def test_another_threshold_decides_again_on_the_same_scores(detector, portrait):
    report = detector.detect(portrait)
    assert report.at(0.0).verdict == report.at(0.0).faces[0].verdict == "fake"
    assert report.at(1.0).verdict == "real"
    assert report.at(1.0).p_fake == report.p_fake


def test_threshold_of_the_manifest_is_the_default(detector, portrait):
    assert detector.detect(portrait).threshold == detector.model.manifest.threshold


def test_the_threshold_must_be_a_probability():
    with pytest.raises(SettingError):
        deepfake.Detector(threshold=1.5)


def test_the_most_suspicious_face_decides(detector, portrait, other_portrait):
    pictures = [imaging.read(path).pixels[:512] for path in (portrait, other_portrait)]
    report = detector.detect(np.concatenate(pictures, axis=1))
    assert len(report.faces) == 2
    assert report.p_fake == max(face.p_fake for face in report.faces)


def test_faces_under_40_pixels_are_listed_but_not_judged(detector, portrait):
    small = np.asarray(Image.open(portrait).convert("RGB").resize((170, 170)))
    report = detector.detect(small)
    (face,) = report.faces
    assert 20 < face.box[2] - face.box[0] < 40
    assert (face.p_fake, face.verdict, report.verdict) == (None, "not_applicable", "not_applicable")
    assert "Too small" in face.note
    assert report.sentence == "The face is too small to judge"
    with pytest.raises(NoFaceError, match="too small"):
        report.labels()


def test_only_as_many_faces_as_allowed_are_judged(portrait, other_portrait):
    pictures = [imaging.read(path).pixels[:512] for path in (portrait, other_portrait)]
    limited = deepfake.Detector(settings=Settings(max_faces=1))
    report = limited.detect(np.concatenate(pictures, axis=1))
    assert [face.p_fake is None for face in report.faces] == [False, True]
    assert "largest" in report.faces[1].note


def test_the_report_is_json_with_the_promised_fields(detector, portrait):
    document = json.loads(json.dumps(detector.detect(portrait).to_dict()))
    assert document["file"] == str(portrait)
    assert document["verdict"] in ("fake", "uncertain", "real")
    assert 0 <= document["p_fake"] <= 1
    assert 0 <= document["threshold"] <= 1
    (face,) = document["faces"]
    assert face["p_fake"] == document["p_fake"]
    left, top, right, bottom = face["box"]
    assert 0 <= left < right <= 512 and 0 <= top < bottom <= 512
    assert set(document["model"]) >= {"name", "version", "sha256"}
    assert document["timings_ms"]["total"] > 0


def test_boxes_stay_within_the_picture(detector, portrait):
    cut = imaging.read(portrait).pixels[85:, 190:]
    for face in detector.detect(cut).faces:
        assert min(face.box) >= 0
        assert face.box[2] <= cut.shape[1] and face.box[3] <= cut.shape[0]


def test_other_types_get_a_sentence(detector):
    with pytest.raises(ImageError, match="Received: int"):
        detector.detect(7)


def test_unreadable_files_raise_our_error(detector):
    with pytest.raises(ImageError):
        detector.detect(b"not a picture")


def test_a_dark_photo_is_judged_like_the_same_photo_with_more_light(detector, portrait):
    pixels = imaging.read(portrait).pixels
    usual, dark = detector.detect(pixels), detector.detect(pixels // 6)
    assert dark.verdict == usual.verdict == "real"
    assert (usual.reasons, dark.reasons) == ((), ("dark",))


def test_what_is_too_dark_to_judge_is_not_judged(detector, portrait):
    report = detector.detect(imaging.read(portrait).pixels // 20)
    if report.faces:  # the face may not even be found
        assert report.p_fake is None and report.faces[0].reasons == ("dark",)
        assert report.sentence == "The face is too dark to judge"
        with pytest.raises(NoFaceError, match="too dark"):
            report.labels()
    assert report.verdict == "not_applicable"


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photo_is_judged_as_it_is_upright(detector, portrait, quarters):
    pixels = imaging.read(portrait).pixels
    upright = detector.detect(pixels)
    turned = detector.detect(np.ascontiguousarray(np.rot90(pixels, quarters)))
    assert turned.verdict == upright.verdict == "real"
    assert "turned" in turned.reasons and not upright.reasons
    # Both saw the same, but for where exactly the face was found.
    assert np.abs(turned.faces[0].crop.astype(float) - upright.faces[0].crop).mean() < 25


@pytest.mark.parametrize("name", ["eileen_collins.png", "grace_hopper.jpg"])
@pytest.mark.parametrize("turn", [20, 45, 60, 75])
def test_a_portrait_is_no_fake_because_it_is_askew(detector, portrait, name, turn):
    image = Image.open(portrait.parent / name).convert("RGB")
    turned = image.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128))
    report = detector.detect(turned)
    assert report.verdict in ("real", "uncertain")
    assert "turned" in report.reasons


def test_a_soft_photo_has_a_reason_and_a_small_face_does_not_have_it_twice(detector, portrait):
    pixels = imaging.read(portrait).pixels
    height, width = pixels.shape[:2]
    face = detector.detect(pixels).faces[0]
    side = max(face.box[2] - face.box[0], face.box[3] - face.box[1])

    def shrunk(factor):
        return Image.fromarray(pixels).resize((round(width * factor), round(height * factor)))

    soft = shrunk(40 / side).resize((width, height), Image.Resampling.BICUBIC)
    assert detector.detect(soft).faces[0].reasons == ("blurred",)
    assert detector.detect(shrunk(60 / side)).faces[0].reasons == ("small",)


def test_a_strongly_compressed_photo_has_a_reason_whatever_door_it_comes_by(detector, portrait):
    def saved(kind, **options):
        file = io.BytesIO()
        Image.open(portrait).convert("RGB").save(file, kind, **options)
        return file.getvalue()

    strong = saved("JPEG", quality=20)
    for source in (strong, imaging.read(strong), Image.open(io.BytesIO(strong))):
        report = detector.detect(source)
        assert report.reasons == ("compressed",)
        assert report.to_dict()["faces"][0]["reasons"] == ["compressed"]
    # Of what is no JPEG, or is not known as a file, there are no tables to go by.
    for source in (
        saved("JPEG", quality=60),
        saved("WEBP", quality=20),
        imaging.read(strong).pixels,
    ):
        assert "compressed" not in detector.detect(source).reasons


def test_what_looks_drawn_is_not_judged(detector, portrait, other_portrait):
    photo = Image.fromarray(imaging.read(portrait).pixels[:512])
    smooth = photo.filter(ImageFilter.MedianFilter(5))
    for drawn in (photo.filter(ImageFilter.CONTOUR), ImageOps.posterize(smooth, 2)):
        report = detector.detect(drawn)
        (face,) = report.faces
        assert face.reasons == ("drawing",) and "photographs only" in face.note
        assert (report.verdict, report.p_fake, face.crop) == ("not_applicable", None, None)
        assert "drawn" in report.sentence and report.whole_picture_p_fake is not None
    # A photographed face beside it is judged.
    both = np.zeros((512, 1024, 3), np.uint8)
    other = imaging.read(other_portrait).pixels[:512, :512]
    both[:, :512], both[: len(other), 512 : 512 + other.shape[1]] = drawn, other
    report = detector.detect(both)
    (judged,) = (face for face in report.faces if face.p_fake is not None)
    assert len(report.faces) == 2 and report.p_fake == judged.p_fake
    assert judged.box[0] >= 512 and report.decisive is judged


def test_more_faces_take_more_evidence(detector, portrait, other_portrait):
    pictures = [imaging.read(path).pixels[:512] for path in (portrait, other_portrait)]
    one, two = detector.detect(pictures[1]), detector.detect(np.concatenate(pictures, axis=1))
    assert two.uncertain_band[1] > one.uncertain_band[1]
    assert "many_faces" in two.reasons and "many_faces" not in one.reasons


@pytest.fixture
def of_blue(tmp_path):
    """A foreign model that calls fake what is blue, where it looks."""

    def made(**said):
        path = channel_means(tmp_path / "blue.onnx", [[0.0], [0.0], [1.0]])
        answers = Answers(positive="fake", returns="logit", scale="0..1", **said)
        settings = Settings(cache=str(tmp_path / "cache"))
        return deepfake.Detector(load_model(path, settings, answers), settings=settings)

    return made


@pytest.mark.parametrize("resize", ["crop", "crop:40", "squash", "squash:40"])
def test_a_whole_picture_model_never_judges_the_background_for_a_face(portrait, of_blue, resize):
    judge = of_blue(crop="full", resize=resize)
    face = imaging.read(portrait).pixels[:300, 80:380]
    scores = []
    for blue in (False, True):
        shown = face.copy()
        if blue:
            shown[..., 2] = 255
        wide = np.full((300, 1200, 3), 90, np.uint8)
        wide[:, :300] = shown
        report = judge.detect(wide)
        assert len(report.faces) == 1
        scores.append(report.p_fake)
    assert scores[1] > scores[0] + 0.02, "the face is outside the central square"


def test_a_face_that_does_not_fit_into_what_is_looked_at_gets_no_number(portrait, of_blue):
    report = of_blue(crop="full", resize="none").detect(portrait)
    assert (report.verdict, report.p_fake) == ("not_applicable", None)
    assert report.sentence == "The face is too large to judge"
    assert report.faces[0].reasons == ("large",) and "32 × 32" in report.faces[0].note


def test_what_is_squashed_is_drawn_back_in_proportion(portrait, of_blue):
    from deepfake.web import drawing

    wide = np.full((300, 900, 3), 90, np.uint8)
    wide[:, 300:600] = imaging.read(portrait).pixels[:300, 80:380]
    judge = of_blue(crop="full", resize="squash")
    report = judge.detect(wide, fragility=True)
    face = report.faces[0]
    assert face.proportion == 3.0
    assert drawing.as_in_picture(face.crop, face.turn, 300, face.proportion).shape == (100, 300, 3)
    by_name = {variation.name: variation.p_fake for variation in face.variations}
    # What is changed is all of the picture, out of proportion as before.
    assert by_name["mirrored"] == pytest.approx(face.p_fake, abs=0.002)
    assert by_name["darkened"] < face.p_fake - 0.02
