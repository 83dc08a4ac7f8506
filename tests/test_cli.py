import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from deepfake import imaging
from deepfake.cli import main
from deepfake.errors import ImageError, ModelError
from deepfake.formatting import printable
from deepfake.imaging import source
from deepfake.version import __version__
from tests import default_model
from tests.programs import required


def run(*arguments, **options):
    command = [sys.executable, "-m", "deepfake", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, **options)


def test_one_line_a_file(portrait, faceless, capsys):
    assert main(["detect", str(portrait), str(faceless)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "P(fake) 0." in first and "1 face" in first and str(portrait) in first
    assert second.startswith("not applicable") and "no face" in second


def test_json_is_one_document_a_line_and_equals_the_library(detector, portrait, faceless, capsys):
    assert main(["detect", "--json", str(portrait), str(faceless)]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["p_fake"] == pytest.approx(detector.detect(portrait).p_fake, abs=1e-6)
    assert second["p_fake"] is None and second["verdict"] == "not_applicable"


def test_an_unreadable_file_is_said_and_the_others_are_reported(portrait, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    assert main(["detect", "--json", str(bad), str(portrait), "missing.png"]) == 2
    output = capsys.readouterr()
    first, second, third = map(json.loads, output.out.splitlines())
    assert first["file"] == str(bad) and "text file" in first["error"]
    assert second["file"] == str(portrait) and "error" not in second
    assert "no such file" in third["error"]
    assert "bad.jpg: This is a text file" in output.err


def test_folders_are_searched_for_pictures(portrait, tmp_path, capsys):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "Photo.PNG").write_bytes(portrait.read_bytes())
    (tmp_path / "notes.txt").write_text("not looked at")
    assert main(["detect", str(tmp_path)]) == 0
    output = capsys.readouterr()
    (line,) = output.out.splitlines()
    assert line.endswith("Photo.PNG")
    assert output.err == f"deepfake: {tmp_path}: 1 file is no picture and was passed over.\n"


def test_files_of_a_folder_are_known_by_their_first_bytes(portrait, tmp_path, capsys):
    jpeg = io.BytesIO()
    Image.open(portrait).convert("RGB").save(jpeg, "JPEG")
    for name in ("a.jpe", "b.jpg_large", "c.hif", "without"):
        (tmp_path / name).write_bytes(jpeg.getvalue())
    (tmp_path / "broken.jpg").write_bytes(b"<html>")
    (tmp_path / "letter").write_text("BMW, Munich")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert main(["detect", str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 4
    assert "broken.jpg: This is a web page" in output.err
    assert "3 files are no pictures and were passed over" in output.err


def test_the_line_carries_the_notes_that_json_has(portrait, tmp_path, capsys):
    path = tmp_path / "a.gif"
    frame = Image.open(portrait)
    frame.save(path, save_all=True, append_images=[frame.rotate(5)])
    main(["detect", str(path)])
    main(["detect", "--json", str(path)])
    line, document = capsys.readouterr().out.splitlines()
    (note,) = json.loads(document)["notes"]
    assert line.endswith(f"{path}  ({note})") and "first frame" in note


def test_standard_input_is_read(portrait):
    with portrait.open("rb") as file:
        result = run("detect", "--json", "-", stdin=file)
    assert json.loads(result.stdout)["file"] == "-" and result.returncode == 0
    command = f"cat {portrait} | {sys.executable} -m deepfake detect - missing.png"
    piped = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=180)
    assert piped.stdout.endswith("1 face  -\n") and piped.returncode == 2
    closed = run("detect", "-", stdin=subprocess.DEVNULL)
    assert closed.returncode == 2 and "The file is empty" in closed.stderr


def test_a_pipe_is_read_and_one_without_a_writer_is_not_waited_for(portrait, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "PIPE_SECONDS", 0.2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="Nothing came through the pipe"):
        imaging.read(tmp_path / "pipe")
    monkeypatch.undo()
    command = f"{sys.executable} -m deepfake detect <(cat {portrait})"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=180)
    assert "1 face  /dev/fd/" in result.stdout


@pytest.mark.parametrize(
    "name", ["https://example.org/photo.jpg", "s3://bucket/photo.jpg", "data:image/png;base64,AA"]
)
def test_an_address_gets_a_sentence_of_its_own(name, capsys):
    assert main(["detect", name]) == 2
    assert "This is an address" in capsys.readouterr().err


def test_the_threshold_option_decides(portrait, capsys):
    main(["detect", "--threshold", "0", str(portrait)])
    main(["detect", "--threshold", "1", str(portrait)])
    low, high = capsys.readouterr().out.splitlines()
    assert low.startswith("fake") and high.startswith("real")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--threshold", "7"], "between 0 and 1"),
        (["--model", "no/such"], "no model"),
    ],
)
def test_bad_options_end_with_a_sentence_and_no_traceback(portrait, arguments, expected):
    result = run("detect", portrait, *arguments)
    assert result.returncode != 0
    assert expected in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""


def test_several_models_are_compared(make_model, portrait, faceless, capsys):
    strict = make_model("strict", threshold=0.0, uncertain_band=[0.0, 0.0])
    models = ["--model", "default", "--model", str(strict)]
    assert main(["detect", *models, str(portrait), str(faceless)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{portrait}: One of two models calls it fake. They disagree")
    assert (
        lines[1].startswith(f"  {default_model.TITLE}  real ") and "reals called fake" in lines[1]
    )
    assert re.match(r"  strict 1\.0 +fake ", lines[2])
    assert lines[3].startswith("  ensemble ") and "not measured" in lines[3]
    assert "No face found" in lines[4] and len(lines) == 8
    assert main(["detect", "--json", *models, str(portrait), "missing.png"]) == 2
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert [m["model"]["name"] for m in first["models"]] == ["default", "strict"]
    assert first["ensemble"]["verdict"] and "no such file" in second["error"]


def test_of_several_models_the_broken_one_is_said(broken_model, portrait, capsys):
    assert main(["detect", "--model", "default", "--model", str(broken_model), str(portrait)]) == 2
    output = capsys.readouterr()
    assert "not the file that its manifest describes" in output.err
    assert f"  {default_model.TITLE}  real " in output.out and "failed: " in output.out
    assert main(["detect", "--model", "no", "--model", str(broken_model), str(portrait)]) == 1
    output = capsys.readouterr()
    assert output.out == "" and "None of the models can be used" in output.err


def test_an_empty_folder_is_said(tmp_path, capsys):
    assert main(["detect", "--json", str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert "no picture" in output.err and "no picture" in json.loads(output.out)["error"]


def test_a_folder_that_cannot_be_opened_is_said_and_the_rest_reported(portrait, tmp_path):
    closed, half = tmp_path / "closed", tmp_path / "half"
    for folder in (closed, half, tmp_path):
        folder.mkdir(exist_ok=True)
        shutil.copy(portrait, folder)
    command = [sys.executable, "-m", "deepfake", "detect", tmp_path]
    if os.geteuid() == 0:
        # Root may open every folder, unless it gives up the right to.
        command = [
            required("setpriv", "util-linux"), "--inh-caps=-all",
            "--bounding-set=-dac_override,-dac_read_search", *command,
        ]  # fmt: skip
    closed.chmod(0)
    # Names can be listed, and no more.
    half.chmod(0o444)
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=180)
    finally:
        closed.chmod(0o700)
        half.chmod(0o700)
    assert result.returncode == 2 and result.stdout.count("\n") == 1
    assert f"{closed}: The folder cannot be opened: Permission denied." in result.stderr
    assert f"{half / portrait.name}: The file cannot be opened: Permission" in result.stderr


@pytest.mark.slow
def test_a_full_disk_is_said(portrait):
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    for arguments in (["detect", str(portrait)], ["models", "list"]):
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(
                [sys.executable, "-m", "deepfake", *arguments],
                stdout=full, stderr=subprocess.PIPE, text=True, timeout=180, env=buffered,
            )  # fmt: skip
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line == "deepfake: The output cannot be written: No space left on device."


@pytest.mark.parametrize("command", [["detect", "--report"], ["evaluate", ".", "-o"]])
def test_a_name_that_no_system_takes_is_said(command, portrait, capsys):
    name = "x" * 300 + ".json"
    assert main([*command, name, *([str(portrait)] if command[0] == "detect" else [])]) == 1
    said = capsys.readouterr().err
    assert name in said and "Traceback" not in said


def test_a_photo_that_a_model_fails_on_does_not_end_the_others(portrait, capsys, monkeypatch):
    from deepfake.detector import Detector

    detect, runs = Detector.detect, []

    def once(self, *given, **asked):
        runs.append(1)
        if len(runs) == 1:
            raise ModelError("The model took too long.")
        return detect(self, *given, **asked)

    monkeypatch.setattr(Detector, "detect", once)
    assert main(["detect", str(portrait), str(portrait)]) == 2
    out, err = capsys.readouterr()
    assert "took too long" in err and len(out.splitlines()) == 1


def test_help_fits_any_terminal():
    result = run("serve", "--help", env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert result.returncode == 0 and result.stderr == ""


@pytest.mark.parametrize("name", ["x" * 5000, "a\tb", "\u202e.png"])
def test_names_that_do_not_exist_end_with_a_sentence(name):
    result = run("detect", name)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr and "\n" not in result.stderr.strip()


def test_terminals_without_the_characters_of_a_name_are_served(portrait, tmp_path):
    path = tmp_path / "é.png"
    path.write_bytes(portrait.read_bytes())
    result = run("detect", path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0 and "\\xe9.png" in result.stdout


def test_odd_file_names_do_not_break_the_output(portrait, tmp_path):
    path = tmp_path / "a\nb\udcff.png"
    path.write_bytes(portrait.read_bytes())
    result = run("detect", "--json", path)
    assert result.returncode == 0
    # Half characters, which Python makes of bytes that are no UTF-8, are not valid JSON.
    assert json.loads(result.stdout)["file"] == printable(str(path))
    assert "\\udcff.png" in json.loads(result.stdout)["file"]
    missing = json.loads(run("detect", "--json", tmp_path / "\udcfe.png").stdout)
    assert missing["file"].endswith("\\udcfe.png")


def test_detecting_imports_neither_tensorflow_nor_gradio(portrait):
    code = (
        "import sys; from deepfake.cli import main; main(sys.argv[1:]);"
        "heavy = {'tensorflow', 'keras', 'gradio', 'cv2', 'sklearn', 'matplotlib', 'pandas'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-c", code, "detect", str(portrait)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_reader_that_goes_away_is_no_error(portrait):
    command = f"{sys.executable} -m deepfake detect {' '.join([str(portrait)] * 5)} | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=180)
    assert result.stderr == "" and result.stdout.count("\n") == 1


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert __version__ in capsys.readouterr().out
