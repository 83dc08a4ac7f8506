"""The lists of certificates that signers are looked up in (NOTICE.md: source and licence)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# When this project took the lists over; they have no date of their own.
LISTS_OF = "2026-11-25"
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class TrustLists:
    """Certificates in PEM.

    Attributes:
        c2pa: str. Of those who may sign.
        times: str. Of those who may say when. Defaults to none.
        interim: str. Of the frozen list before it; "" where it is not carried.
    """

    c2pa: str
    times: str = ""
    interim: str = ""


@cache
def carried() -> TrustLists:
    """The lists that lie in the package."""
    names = ("C2PA-TRUST-LIST.pem", "C2PA-TSA-TRUST-LIST.pem")
    texts = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in names]
    # Between the certificates stand their names.
    return TrustLists(*("\n".join(CERTIFICATE.findall(text)) for text in texts))
