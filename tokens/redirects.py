"""Where the answers of an authorization may go (quay-a.md 4.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

# What a browser and we could understand differently, or what would end a header.
_STRANGE = re.compile(r"[^\x21-\x7e]|[\\<>\"^`{|}#]")
_MAX = 1024


def is_address(uri: str) -> bool:
    """Tell whether a text is a plain http or https address: with a host, without a person or a fragment."""
    return _split(uri) is not None


def fits(uri: str, *, registered: str, own_pages: Collection[str]) -> bool:
    """Tell whether an application may have its answers sent to ``uri``.

    That is one of our own pages, to the letter; or has the scheme and host of the registered address, and a
    path that begins with its path, without anything behind that could lead elsewhere.
    """
    found = _split(uri)
    if found is None:
        return False
    if uri in own_pages:
        return True
    base = _split(registered)
    if base is None or (found.scheme, found.netloc.lower()) != (base.scheme, base.netloc.lower()):
        return False
    if not found.path.startswith(base.path):
        return False
    rest = found.path[len(base.path) :] + found.query
    return ".." not in found.path and "%" not in rest and "@" not in rest


def origin(uri: str) -> str:
    """Return scheme and host of an address, as policies of browsers name it; empty if it is none."""
    found = _split(uri)
    return f"{found.scheme}://{found.netloc}" if found else ""


def _split(uri: str) -> SplitResult | None:
    if not uri or len(uri) > _MAX or _STRANGE.search(uri):
        return None
    try:
        found = urlsplit(uri)
        _ = found.port
    except ValueError:
        return None
    if found.scheme not in ("http", "https") or not found.hostname or "@" in found.netloc:
        return None
    # What a policy would read as something else than a host.
    return None if re.search(r"[;,'()*]", found.netloc) else found
