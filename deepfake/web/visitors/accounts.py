"""The file of `--auth`: who may see the page, one `user:password` a line."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from deepfake.errors import SettingError

logger = logging.getLogger(__name__)

COMMENT = "#"
# An accounts file is a few lines; anything larger is some other file.
MAX_BYTES = 1_000_000


def read_accounts(name: str) -> list[tuple[str, str]]:
    """Read the accounts of the page.

    A line is `user:password`; the password may have colons in it. Empty lines and lines that start
    with `#` are skipped. A file that others on this machine may read is used, with a warning in the
    log. Nothing of the file's content is ever part of a message.

    Args:
        name: str. Path of the file, UTF-8.

    Returns:
        (user, password) of each line, as `gradio.Blocks.launch(auth=…)` takes them; at least one.

    Raises:
        SettingError: it cannot be read, a line is not `user:password`, a user stands in it twice,
            or there is no account in it.
    """
    path = Path(name).expanduser()
    accounts: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith(COMMENT):
            continue
        # Gradio strips what is typed as the user's name, but not the password.
        user, colon, password = line.partition(":")
        user = user.strip()
        if not (colon and user and password):
            raise SettingError(
                f"Line {number} of the accounts file {path} is not USER:PASSWORD. Write one user a "
                "line, such as anna:a-long-password."
            )
        if user in accounts:
            raise SettingError(
                f"Line {number} of the accounts file {path} names a user for the second time. "
                "Remove one of the two lines."
            )
        accounts[user] = password
    if not accounts:
        raise SettingError(
            f"There is no account in {path}, so nobody could sign in. Write one user a line, such "
            "as anna:a-long-password, or leave --auth out."
        )
    return list(accounts.items())


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & (
                stat.S_IRGRP | stat.S_IROTH
            ):
                logger.warning(
                    "Other users of this machine may read the passwords in %s. Run: chmod 600 %s",
                    path, path,
                )  # fmt: skip
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SettingError(
                f"{path} is too large for an accounts file. Name the one with a USER:PASSWORD line "
                "for each user."
            )
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingError(
            f"There is no accounts file {path}. Make it, with a USER:PASSWORD line for each user, "
            "or leave --auth out."
        ) from None
    except UnicodeDecodeError:
        raise SettingError(
            f"The accounts file {path} is not text in UTF-8. Write one user a line, such as "
            "anna:a-long-password."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable name"
        raise SettingError(
            f"The accounts file {path} cannot be read ({reason}). Name a file that this user may "
            "read, with a USER:PASSWORD line for each user."
        ) from error
