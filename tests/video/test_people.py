"""Who is who, and what it takes to be called fake: faces enough, time enough, how many others."""

import numpy as np
import pytest

from deepfake import verdict
from deepfake.report import FaceReport
from deepfake.video.people import Rule, follow
from deepfake.video.report import Sample


@pytest.fixture
def manifest(detector):
    return detector.model.manifest


@pytest.fixture
def rule(manifest):
    return Rule("mean_logit", manifest.threshold)


def seen(p_fake, times):
    face = FaceReport((0, 0, 100, 100), 1.0, np.zeros((6, 2)), p_fake, "fake")
    return [Sample(time, face) for time in times]


def test_nobody_is_called_fake_for_less_than_a_second(rule):
    within, beyond = ([n * step for n in range(8)] for step in (0.1, 0.15))
    said = rule.judged(0, seen(0.995, within), (0.5, 0.8))
    assert (said.verdict, said.reasons) == ("uncertain", ("few_frames",))
    said = rule.judged(0, seen(0.995, beyond), (0.5, 0.8))
    assert (said.verdict, said.reasons) == ("fake", ())


def test_up_to_two_people_are_judged_as_in_the_clips_that_were_measured(rule, manifest):
    for count in (0, 1, 2):
        expected = verdict.uncertain_band(
            manifest, manifest.threshold, max(1, count), elsewhere=False
        )
        assert rule.band(manifest, [[0.9] * 4] * count) == expected


@pytest.mark.parametrize("count", [3, 5, 10, 40])
def test_one_suspect_among_many_must_look_as_fake_as_one_face_of_a_picture_of_so_many(
    rule, manifest, count
):
    def fake_from(suspects, p_fake):
        people = [[p_fake] * 4] * suspects + [[0.1] * 4] * (count - suspects)
        return rule.band(manifest, people)[1]

    wanted = verdict.uncertain_band(manifest, manifest.threshold, count)[1]
    assert fake_from(1, 0.9) == wanted > 0.9
    # One person in every shot of a film is not harder to find than in a film of one shot.
    alone = verdict.uncertain_band(manifest, manifest.threshold)[1]
    assert fake_from(count, alone + 0.01) == alone
    # Whoever was seen too little to be called fake bears nobody out.
    assert rule.band(manifest, [[0.9] * 4], count - 1)[1] == wanted
    # None of them suspicious: as if one were to be.
    assert fake_from(0, 0.9) == wanted


def test_two_people_who_pass_each_other_stay_two():
    def face(x, side):
        points = np.array([(50.0 + x, 50.0)] * 6)
        return FaceReport((x, 0, x + side, side), 1.0, points, 0.5, "uncertain")

    frames = [[face(20 * i, 100), face(400 - 20 * i, 40)] for i in range(20)]
    people = follow(frames)
    assert [len(person) for person in people] == [20, 20]
    assert {len({f.box[2] - f.box[0] for _, f in person}) for person in people} == {1}


def test_one_who_walks_stays_one_and_one_who_comes_is_another():
    def face(x, side=100):
        points = np.array([(50.0 + x, 50.0)] * 6)
        return FaceReport((x, 0, x + side, side), 1.0, points, 0.5, "uncertain")

    # Two sides of the face a sample, then somebody else comes.
    walking = [[face(200 * i)] for i in range(6)]
    coming = [[face(200 * (5 + i)), face(10, 60)] for i in range(1, 5)]
    assert [len(person) for person in follow(walking + coming)] == [10, 4]
    # Too far away, or of another size: nobody knows.
    assert len(follow([[face(0)], [face(400)]])) == 2
    assert len(follow([[face(0)], [face(150, 200)]])) == 2
