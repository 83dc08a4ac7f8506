"""Content Credentials (C2PA), read by the C2PA's own library."""

from __future__ import annotations

import importlib.util
import io
import json
import re
from typing import Any, Literal, cast

from deepfake.provenance.clean import clean
from deepfake.provenance.documents import SignerList
from deepfake.provenance.facts import Credentials, SourceType
from deepfake.provenance.trust import TrustLists

MIME = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif",
    "HEIF": "image/heif", "TIFF": "image/tiff", "GIF": "image/gif",
}  # fmt: skip
# Credentials name this in the box that they are in; without it the library is not even loaded.
MARK = b"c2pa"
MAX_BYTES, MAX_JSON, UNPACKED_MB = 60_000_000, 5_000_000, 16
MAX_MANIFESTS, MAX_DEPTH, MAX_ENTRIES, MAX_TYPES = 64, 16, 500, 20
TRUSTED_SIGNER, TRUSTED_TIME = "signingCredential.trusted", "timeStamp.trusted"
FOUND_IN = re.compile(r"found in \[list:(c2pa|interim)\]")
INSTALL = (
    "Content Credentials were not looked at: c2pa-python is not installed "
    "(pip install 'deepfake[credentials]')."
)


def read(data: bytes, kind: str, lists: TrustLists) -> Credentials:
    """Read and check the credentials of a file. Nothing is fetched from the network.

    Args:
        data: bytes. The file.
        kind: str. Its format, as of `imaging.sniff`.
        lists: TrustLists. To look the signer up in.
    """
    if importlib.util.find_spec("c2pa") is None:
        return Credentials("not_looked_at", note=INSTALL)
    if kind not in MIME or MARK not in data:
        return Credentials("absent")
    if len(data) > MAX_BYTES:
        return Credentials("not_looked_at", note="The file is too large to read credentials from.")
    from c2pa import C2paError

    try:
        state, text = _store(data, kind, lists)
        return _facts(json.loads(text), state in ("Valid", "Trusted"))
    except C2paError.ManifestNotFound:
        return Credentials("absent")
    except C2paError.RemoteManifest:
        return Credentials("unreadable", note="They lie elsewhere; nothing is fetched from there.")
    except (C2paError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        # Whatever its shape, the file is what is wrong.
        return Credentials("unreadable", note="Content Credentials are there but damaged.")


def _store(data: bytes, kind: str, lists: TrustLists) -> tuple[str, str]:
    """(what the library says of the file, all manifests as JSON)."""
    from c2pa import Context, Reader

    # Addresses in a stranger's file would tell somebody that it was looked at.
    verify = {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}
    kept = [
        {"trust_anchors": pem, "trust_kind": kind_of_list, "trust_uri": f"list:{name}"}
        for name, kind_of_list, pem in (
            ("c2pa", "manifest", lists.c2pa),
            ("interim", "manifest", lists.interim),
            ("times", "tsa", lists.times),
        )
        if pem
    ]
    settings = {
        "core": {"allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": UNPACKED_MB},
        "verify": verify,
        "trust": {"anchors": kept},
    }
    with (
        Context.from_dict(settings) as context,
        Reader(MIME[kind], io.BytesIO(data), context=context) as reader,
    ):
        text = reader.json()
        if len(text) > MAX_JSON:
            raise ValueError("too long")
        return str(reader.get_validation_state()), text


def _facts(store: dict[str, Any], intact: bool) -> Credentials:
    manifests = store["manifests"]
    label = store["active_manifest"]
    active = manifests[label]
    types, ingredients, complete = _walk(manifests, label)
    signature = active.get("signature_info") or {}
    names = [clean(signature.get(key)) for key in ("common_name", "issuer")]
    said = _said(store)
    notes = [] if intact else ["Signature or picture are not as they were signed."]
    if not complete:
        notes.append("Only a part of the long history was looked at.")
    return Credentials(
        state="present",
        intact=intact,
        signer=", ".join(dict.fromkeys(name for name in names if name)),
        signer_list=_list(said) if intact else "unknown",
        # A time that nobody on the list vouches for is not told.
        signed=clean(signature.get("time")) if TRUSTED_TIME in said else "",
        program=_program(active),
        ingredients=ingredients,
        note=" ".join(notes),
        source_types=types,
    )


def _said(store: dict[str, Any]) -> dict[str, str]:
    """What the library found good in the active manifest: code → explanation."""
    found = (store.get("validation_results") or {}).get("activeManifest") or {}
    rows = (found.get("success") or [])[:MAX_ENTRIES]
    return {str(row.get("code")): str(row.get("explanation")) for row in rows}


def _list(said: dict[str, str]) -> SignerList:
    # The library takes a signer on any list for trusted, also on that of the time stamps; in which
    # it was found stands in the explanation only.
    named = FOUND_IN.search(said.get(TRUSTED_SIGNER, ""))
    return "unknown" if named is None else cast(SignerList, named.group(1))


def _walk(manifests: dict[str, Any], label: str) -> tuple[tuple[SourceType, ...], int, bool]:
    """(source types of a manifest and its ingredients, how many ingredients, whether all)."""
    types: dict[SourceType, None] = {}
    seen, waiting, ingredients, complete = {label}, [(label, 0)], 0, True
    while waiting:
        name, depth = waiting.pop()
        manifest = manifests.get(name) or {}
        of: Literal["picture", "ingredient"] = "picture" if depth == 0 else "ingredient"
        for term in _terms(manifest):
            types[SourceType(term, of, "credentials")] = None
        for ingredient in (manifest.get("ingredients") or [])[:MAX_ENTRIES]:
            ingredients += 1
            parent = ingredient.get("active_manifest")
            if parent is None or parent in seen:
                continue
            if len(seen) >= MAX_MANIFESTS or depth >= MAX_DEPTH:
                complete = False
                continue
            seen.add(parent)
            waiting.append((parent, depth + 1))
    complete = complete and len(types) <= MAX_TYPES
    return tuple(types)[:MAX_TYPES], ingredients, complete


def _terms(manifest: dict[str, Any]) -> list[str]:
    """The ends of the addresses of all digitalSourceTypes that a manifest names."""
    found = []
    for assertion in (manifest.get("assertions") or [])[:MAX_ENTRIES]:
        data = assertion.get("data")
        if not isinstance(data, dict):
            continue
        actions = data.get("actions")
        rows = [data, *(actions[:MAX_ENTRIES] if isinstance(actions, list) else [])]
        found += [row.get("digitalSourceType") for row in rows if isinstance(row, dict)]
    return [term for address in found if (term := clean(address).rstrip("/").rpartition("/")[2])]


def _program(manifest: dict[str, Any]) -> str:
    programs = manifest.get("claim_generator_info") or [{}]
    first = programs[0]
    told = clean(f"{first.get('name') or ''} {first.get('version') or ''}")
    return told or clean(manifest.get("claim_generator"))
