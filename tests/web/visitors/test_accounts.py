import logging
import os

import pytest

from deepfake.errors import SettingError
from deepfake.web.visitors.accounts import read_accounts


@pytest.fixture
def accounts_file(tmp_path):
    def write(content, mode=0o600):
        path = tmp_path / "accounts.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    return write


def test_users_and_passwords_are_read(accounts_file):
    path = accounts_file("\ufeff# the team\n anna :pass: word \r\n\nÉva:ključ\n")
    assert read_accounts(str(path)) == [("anna", "pass: word "), ("Éva", "ključ")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("anna\n", "Line 1 of"),
        ("# team\n:secret\n", "Line 2 of"),
        ("anna:\n", "not USER:PASSWORD"),
        ("anna:1\nben:2\nanna:3\n", "Line 3 of .* second time"),
        ("\n# nobody\n", "no account"),
        (b"anna:\xff\xfe", "not text in UTF-8"),
        (b"a" * 1_000_001, "too large"),
    ],
    ids=["no colon", "no user", "no password", "twice", "empty", "binary", "huge"],
)
def test_a_wrong_file_gets_a_sentence_that_keeps_the_secret(accounts_file, content, expected):
    with pytest.raises(SettingError, match=expected) as caught:
        read_accounts(str(accounts_file(content)))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.txt", ".", "a\0b"])
def test_a_file_that_cannot_be_read_gets_a_sentence(tmp_path, name):
    with pytest.raises(SettingError, match="accounts file"):
        read_accounts(str(tmp_path / name))


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_passwords_that_others_may_read_are_warned_of(accounts_file, caplog, mode, warned):
    with caplog.at_level(logging.WARNING):
        read_accounts(str(accounts_file("anna:secret\n", mode)))
    assert ("chmod 600" in caplog.text) is warned
    assert "secret" not in caplog.text
