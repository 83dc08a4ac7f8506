"""What can go wrong between this machine and the Hub, in sentences."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from deepfake.errors import ModelError, ModelNotFoundError

LOG_IN = "log in with `hf auth login` (or set HF_TOKEN)"
NO_COPY = "This machine holds no full copy of it"
# A quota and a limit on the size of files show as these.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


class HubUnreachableError(ModelError):
    """The Hub does not answer: no connection, or it is down."""


@contextmanager
def explained(
    repository: str, revision: str, doing: str = "fetched", kind: str = "model"
) -> Iterator[None]:
    """Call the Hub's client within this, and its errors become sentences.

    Args:
        repository: str. "owner/repo".
        revision: str. Branch, tag or commit; "" for the main branch.
        doing: str. What could not be done with it, as a participle. Defaults to "fetched".
        kind: str. What the repository holds. Defaults to "model".

    Raises:
        HubUnreachableError: no answer came.
        ModelError: anything else went wrong.
    """
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except ModelError:
        raise
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{repository} is open only to people whom its owners let in. Ask for access on its "
            f"page on the Hub, then {LOG_IN} and try again."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelNotFoundError(
            f"The Hub has no {kind} {repository}, or it is private. Check the name; for a private "
            f"one, {LOG_IN}."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelNotFoundError(
            f"{repository} has no revision {revision or 'main'!r}. Name a branch, tag or commit "
            "that exists, behind an @."
        ) from error
    except errors.DisabledRepoError as error:
        raise ModelError(
            f"{repository} was disabled by its owners or by the Hub. Use another {kind}."
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise ModelNotFoundError(
            f"A file that {repository} lists is not there. Try again later, or name another "
            "revision."
        ) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{repository!r} is no name that the Hub allows: {error}") from error
    except errors.HfHubHTTPError as error:
        raise _answered(repository, doing, error) from error
    except errors.LocalEntryNotFoundError as error:
        # What the client makes of anything that goes wrong while it asks what there is.
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise _answered(repository, doing, error.__cause__) from error
        raise HubUnreachableError(_unreachable(repository, doing, error)) from error
    except (
        httpx2.HTTPError,
        errors.OfflineModeIsEnabled,
        errors.XetDownloadError,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise HubUnreachableError(_unreachable(repository, doing, error)) from error
    except OSError as error:
        raise ModelError(_disk(repository, doing, error), path=str(error.filename or "")) from error
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        # What the client does with an answer that is not the Hub's, such as a login page.
        raise ModelError(
            f"{repository} could not be {doing}: the Hub's answer makes no sense "
            f"({type(error).__name__}: {_first_line(error)}). If HF_ENDPOINT or a proxy is set, "
            "check it; else try again later."
        ) from error


def _answered(repository: str, doing: str, error: Exception) -> ModelError:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status == 401:
        return ModelError(
            f"The Hub does not accept your token, so {repository} could not be {doing}. It is "
            "wrong or has run out: log in again with `hf auth login`, or unset HF_TOKEN."
        )
    if status == 403:
        return ModelError(
            f"Your token does not allow this, so {repository} could not be {doing}. Use one with "
            "the rights to it: https://huggingface.co/settings/tokens."
        )
    if status == 429:
        return HubUnreachableError(
            f"The Hub has had too many requests from this machine, so {repository} could not be "
            f"{doing}. Wait some minutes and try again; with a token the limits are wider."
        )
    if status >= 500:
        return HubUnreachableError(
            f"The Hub is out of order (HTTP {status}), so {repository} could not be {doing}. Try "
            "again later."
        )
    return ModelError(f"{repository} could not be {doing}: {_first_line(error)}")


def _unreachable(repository: str, doing: str, error: Exception) -> str:
    return (
        f"{repository} could not be {doing}: the Hub cannot be reached. Check the connection (and "
        f"HF_HUB_OFFLINE and HF_ENDPOINT) and try again. ({type(error).__name__})"
    )


def _disk(repository: str, doing: str, error: OSError) -> str:
    if error.errno in NO_ROOM:
        return (
            f"The disk is full, so {repository} could not be {doing}. Make room, or set HF_HOME to "
            "a folder on another disk."
        )
    if error.errno in NOT_WRITABLE:
        return (
            f"{error.filename or 'The folder for downloads'} cannot be written "
            f"({error.strerror}), so {repository} could not be {doing}. Set HF_HOME to a folder of "
            "your own."
        )
    return f"{repository} could not be {doing}: {_first_line(error)} Try again."


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
