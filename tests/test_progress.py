from deepfake.progress import announce, listening


def test_what_takes_a_while_is_said_on_stderr_and_to_whoever_listens(capsys):
    told = []
    with listening(told.append):
        announce("Compiling a.h5.")
    announce("Compiling b.h5.")
    assert told == ["Compiling a.h5."]
    assert capsys.readouterr().err == "deepfake: Compiling a.h5.\ndeepfake: Compiling b.h5.\n"
