from pathlib import Path

import pytest

from deepfake.datasets.groups import group_by_names, group_of, leaks, settle_splits
from deepfake.datasets.samples import Sample


def sample(name, split="", group="", label=0):
    return Sample(Path("data", name), label, split, "real", group)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("video12_frame_003", "video12"), ("clip-7.frame10", "clip-7"),
        ("id0_0001_frame10", "id0"), ("id0_id16_0001", "id0"), ("000_003_frame12", "000"),
        ("Aaron_Eckhart_0001", "Aaron_Eckhart"), ("video1_frame_3_aug2", "video1"),
        ("portrait_aug1_aug2", "portrait"), ("me_swap3", "me"),
        # A number may count people as well as pictures of one, so these tell nothing.
        ("face_0001", ""), ("00001", ""), ("flux1_devpro_20404c12f7", ""), ("frame_003", ""),
    ],
)  # fmt: skip
def test_only_names_that_tell_for_certain_make_groups(name, group):
    assert group_of(name) == group


def test_frames_of_a_video_are_never_torn_apart():
    frames = [sample(f"v{v}_frame_{f}.jpg") for v in range(60) for f in range(5)]
    grouped, notes = group_by_names(frames)
    settled, _ = settle_splits(grouped)
    assert leaks(settled) == {}
    assert {s.split for s in settled} == {"train", "valid", "test"}
    assert "60 groups" in notes[0]


def test_a_picture_and_its_copies_are_in_the_split_it_had_before():
    originals = [sample(f"{n}.jpg") for n in range(60)]
    before = {s.path.stem: s.split for s in settle_splits(originals)[0]}
    copies = [sample(f"{n}_aug1.jpg") for n in range(60)]
    after, _ = settle_splits(group_by_names(originals + copies)[0])
    assert all(s.split == before[s.path.stem.removesuffix("_aug1")] for s in after)


def test_a_video_and_the_fakes_made_of_it_share_a_split():
    pairs = [sample(f"{n}.jpg", group=f"{kind}/c23/{n:03}", label=label) for n in range(40)
             for kind, label in (("youtube", 0), ("Deepfakes", 1))]  # fmt: skip
    settled, _ = settle_splits(pairs)
    assert all(a.split == b.split for a, b in zip(settled[::2], settled[1::2], strict=True))


@pytest.mark.parametrize(
    ("named", "made", "note"),
    [
        (("train", "test"), {"train", "valid", "test"}, "tenth of train"),
        (("train",), {"train", "valid", "test"}, "Only a training split"),
        (("train", "valid"), {"train", "valid"}, None),
        (("test",), {"test"}, None),
    ],
)
def test_missing_splits_are_cut_from_train_and_told(named, made, note):
    samples = [sample(f"{split}{n}.jpg", split) for split in named for n in range(60)]
    settled, notes = settle_splits(samples)
    assert {s.split for s in settled} == made
    assert [s for s in settled if s.split == "test"] == [
        s for s in settled if s.split == "test" and ("test" not in named or "test" in s.path.name)
    ]
    assert (note in notes[0]) if note else not notes


def test_groups_in_several_splits_are_leaks():
    placed = [("a", "train", "v1"), ("b", "test", "v1"), ("c", "test", "v2"), ("d", "train", "")]
    assert leaks([sample(*place) for place in placed]) == {"v1": {"train": 1, "test": 1}}
