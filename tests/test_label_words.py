import pytest

from deepfake.label_words import label_of, split_of


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("real", 0), ("Original", 0), ("0_real", 0), ("real_images", 0), ("training_real", 0),
        ("Celeb-real", 0), ("genuine", 0), ("Real Faces", 0), ("originals", 0), ("REAL", 0),
        ("fake", 1), ("DF", 1), ("deepfakes", 1), ("1_fake", 1), ("training_fake", 1), ("AI", 1),
        ("ai-generated", 1), ("GAN", 1), ("Celeb-synthesis", 1), ("Face2Face", 1), ("FAKE", 1),
        ("generated_photos", 1), ("manipulated_sequences", 1), ("face_swap", 1),
        # Names of whole data sets and anything else say nothing; numbers are never guessed.
        ("real_vs_fake", None), ("real-and-fake-face", None), ("cats", None), ("0", None),
        ("1", None), ("images", None), ("realistic", None), ("", None), ("train", None),
    ],
)  # fmt: skip
def test_folder_names_of_the_field_are_known(name, label):
    assert label_of(name) == label


@pytest.mark.parametrize(
    ("name", "split"),
    [("Train", "train"), ("val", "valid"), ("training_fake", "train"), ("test", "test"),
     ("test-images", "test"), ("train_station", None), ("train_test", None), ("", None)],
)  # fmt: skip
def test_splits_are_known(name, split):
    assert split_of(name) == split
