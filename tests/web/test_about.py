from pathlib import Path

from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
from deepfake.web.about import about


def test_a_card_is_shown_with_its_own_pictures_and_none_from_elsewhere(make_model):
    folder = make_model("pictured")
    (folder / "roc.png").write_bytes(b"picture")
    (folder.parent / "secret.png").write_bytes(b"secret")
    (folder / "README.md").write_text(
        "---\nlicense: mit\n---\n# Card\n![ROC](roc.png) ![out](../secret.png) ![x](gone.png)\n"
        "![far](https://example.org/spy.png) <img src='https://example.org/spy.png'>"
    )
    text = about(load_model(folder, Settings()))
    assert "# Card" in text and "license: mit" not in text
    assert text.count("](data:image/png;base64,") == 1
    assert "example.org" not in text and "![out" not in text


def test_a_model_is_called_by_its_title(make_model):
    text = about(load_model(make_model("runs-7", title="Face check"), Settings()))
    assert "## Face check 1.0" in text and "runs-7" not in text


def test_without_a_card_the_manifest_is_told_as_text(make_model):
    folder = make_model("plain", training_data="<script>*stars*</script>", operating_points=None)
    text = about(load_model(Path(folder), Settings()))
    assert "without a model card" in text and "not measured" in text
    assert "<script>" not in text.replace("\\<", "")
