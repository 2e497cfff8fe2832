"""What is hashed of an entry: the same bytes from the table, from either database, and from an archived file.

What tells of a person goes in by four parts, each hidden by a key of its own, so that one can be taken away
later and all the rest still be proven. The keys come from one salt, which lies with the seal.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

# Columns of an entry, in the order in which files of the archive and `leaf` have them.
COLUMNS = (
    "id", "at", "kind", "namespace_id", "namespace_name", "namespace_kind", "project_id", "project_name",
    "performer_id", "performer_name", "performer_kind", "performer_email", "credential_id", "credential_name",
    "dialect", "ip", "metadata",
)  # fmt: skip
PARTS: dict[str, tuple[str, ...]] = {
    "performer": ("performer_id", "performer_name", "performer_email"),
    "ip": ("ip",),
    "names": ("namespace_name", "credential_name"),
    "metadata": ("metadata",),
}
_HIDDEN = [[COLUMNS.index(name) for name in names] for names in PARTS.values()]
_OPEN = [
    index
    for index, name in enumerate(COLUMNS)
    if index and not any(name in names for names in PARTS.values())
]
AT, SCOPE = COLUMNS.index("at"), COLUMNS.index("namespace_id")
KIND, METADATA = COLUMNS.index("kind"), COLUMNS.index("metadata")
SALT_BYTES = 16
START = bytes(32)  # what the first seal of a chain follows
_KEY, _DIGEST = b"k", b"d"
_PIECE = 33  # bytes: one of the letters above, and what it announces
_PLACE = struct.Struct(">qqq")
_NAMES = [name.encode() for name in PARTS]
_sha = hashlib.sha256


def leaf(entry: Sequence[Any], blinds: bytes) -> bytes:
    """Return the hash (32 bytes) of an entry, a row of `COLUMNS`; its number is not in it.

    ``blinds`` is the salt of its seal; or, once something was erased, what `without` has made of it.
    """
    hidden = _sha(b"".join(_digests(entry, blinds))).digest()
    return _sha(b"muster log 1\0" + _text([entry[index] for index in _OPEN]) + hidden).digest()


def link(before: bytes, scope: int, position: int, entry: int, leaf: bytes) -> bytes:
    """Return the hash of a seal, which follows the one before it in its chain."""
    return _sha(before + _PLACE.pack(scope, position, entry) + leaf).digest()


def without(entry: Sequence[Any], blinds: bytes, *parts: str) -> bytes:
    """Return the blinds of an entry from which parts go: what is left is proven by them, and no more guessed.

    To be called with the entry as it still is.
    """
    pieces = []
    for name, key, digest in zip(PARTS, _keys(blinds), _digests(entry, blinds), strict=True):
        goes = name in parts or key is None
        pieces.append(_DIGEST + digest if goes else _KEY + (key or b""))
    return b"".join(pieces)


def is_erased(blinds: bytes) -> bool:
    """Tell whether a part of the entry was taken away."""
    return len(blinds) != SALT_BYTES


def _keys(blinds: bytes) -> list[bytes | None]:
    """Return the key of each part, None for one that is gone."""
    if not is_erased(blinds):
        return [_sha(blinds + name).digest() for name in _NAMES]
    pieces = [blinds[start : start + _PIECE] for start in range(0, _PIECE * len(_NAMES), _PIECE)]
    return [piece[1:] if piece[:1] == _KEY else None for piece in pieces]


def _digests(entry: Sequence[Any], blinds: bytes) -> list[bytes]:
    return [
        _sha(key + _text([entry[index] for index in indexes])).digest()
        if key is not None
        else blinds[_PIECE * number + 1 : _PIECE * (number + 1)]
        for number, (key, indexes) in enumerate(zip(_keys(blinds), _HIDDEN, strict=True))
    ]


def _text(values: list[Any]) -> bytes:
    try:
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number beyond 64 bits, or half a character: nothing that the product writes
        return json.dumps(values, sort_keys=True, default=str).encode()
