"""Signed statements of how far each chain had come: what a rewritten log cannot be made to fit.

Each hour the heads of the chains that have grown are written down, with the hash of the checkpoint before,
signed with an Ed25519 key that is not in the database (it is derived from the pepper of tokens), and
appended to a file below ``DATA``. Copies of that file elsewhere are what an intruder on this host cannot
change; `notifications.checkpoints` tells each to whom the operator names.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.dispatch import Signal
from django.utils import timezone

from core.db import KEYS_MAX, one_at_a_time
from core.words import say
from logs.chain import sealing
from logs.chain.findings import Finding, Sort
from logs.models import LogChain, LogCheckpoint, LogSeal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import IO

# Sent with ``checkpoint`` inside the transaction that signs it, as `logs.record.entries_written` is: whoever
# tells it to others does so for each one, and once.
signed = Signal()
FILE = "checkpoints/log.jsonl"
RECENT = 10  # that the file may lack without being read as a whole
PIECE = 64 * 1024
_PURPOSE = b"muster log checkpoints"


@lru_cache(maxsize=4)
def _private(pepper: str) -> Ed25519PrivateKey:
    seed = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(pepper.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def public_key() -> str:
    """Return the key (hex) that checkpoints are verified with; everybody may know it."""
    return _private(settings.TOKEN_PEPPER).public_key().public_bytes_raw().hex()


# Making them ---------------------------------------------------------------------------------------------


@transaction.atomic
def make() -> LogCheckpoint | None:
    """Sign the heads of the chains that have grown; return None where none has."""
    one_at_a_time("log checkpoints")
    heads = list(LogChain.objects.filter(position__gt=F("told")).order_by("scope"))
    if not heads:
        return None
    last = LogCheckpoint.objects.order_by("-number").first()
    number = last.number + 1 if last else 1
    mark = sealing.mark()
    body = orjson.dumps(
        {
            "format": 1,
            "number": number,
            "at": timezone.now(),
            "before": _digest(last.body) if last else "",
            "sealed_up_to": f"{mark.xact}.{mark.entry}",
            "heads": {str(one.scope): [one.position, bytes(one.hash).hex()] for one in heads},
        },
        option=orjson.OPT_SORT_KEYS,
    )
    signature = _private(settings.TOKEN_PEPPER).sign(body)
    made = LogCheckpoint.objects.create(
        number=number, body=body.decode(), key=public_key(), signature=signature.hex()
    )
    for one in heads:
        one.told = one.position
    LogChain.objects.bulk_update(heads, ["told"], batch_size=400)
    signed.send(sender=LogCheckpoint, checkpoint=made)
    return made


def keep() -> Path:
    """Append to the file what it does not have yet; return where it is."""
    path = Path(settings.DATA) / FILE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a+b") as file:
        last = _last_line(file)
        new = _missing(path, last)
        if new:
            # Behind a line that a full disk or a crash cut off a new one begins.
            begin = b"\n" if last and not last.endswith(b"\n") else b""
            file.write(begin + b"".join(line + b"\n" for line in new))
            file.flush()
            os.fsync(file.fileno())
    return path


def _missing(path: Path, last: bytes) -> list[bytes]:
    """Return the lines that are to follow the last one of the file: mostly the newest checkpoint's alone."""
    new: list[bytes] = []
    for row in LogCheckpoint.objects.order_by("-number")[:RECENT]:
        line = line_of(row)
        if line + b"\n" == last:
            return new[::-1]
        new.append(line)
    there = set(_lines(path))
    rows = LogCheckpoint.objects.order_by("number").iterator()
    return [line for line in map(line_of, rows) if line not in there]


def _last_line(file: IO[bytes]) -> bytes:
    """Return the last line of a file that may be long, with what ends it, if anything does."""
    start, found = file.seek(0, os.SEEK_END), b""
    while start and b"\n" not in found[:-1]:
        size = min(PIECE, start)
        start -= size
        file.seek(start)
        found = file.read(size) + found
    return found[found.rfind(b"\n", 0, -1) + 1 :]


def line_of(checkpoint: LogCheckpoint) -> bytes:
    """Return a checkpoint as a line of the file."""
    return _line({"body": checkpoint.body, "key": checkpoint.key, "signature": checkpoint.signature})


def _line(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


# Holding the log against them ----------------------------------------------------------------------------


@dataclass
class _Told:
    number: int
    at: datetime
    before: str
    body: str
    heads: dict[int, tuple[int, str]]


class Checked:
    """Going through all checkpoints: those in the database, in the file, and in a copy of it.

    A copy may also hold them as receivers of mails and webhooks got them, in any order, and some twice.
    """

    def __init__(
        self,
        scopes: Collection[int] | None,
        since: datetime | None,
        copy: Path | None,
        heard: Callable[[], object],
    ) -> None:
        """Prepare to look at these chains, or all; at checkpoints since a moment; at a copy as well.

        ``heard`` is called meanwhile; what it raises ends that.
        """
        self.scopes, self.since, self.copy, self._heard = scopes, since, copy, heard
        self.count = 0
        self.last: datetime | None = None

    def run(self) -> Iterator[Finding]:
        """Yield what does not fit."""
        # The files first: what is signed meanwhile stands in the database before it stands in a file.
        files: dict[str, list[bytes]] = {say("the file"): _lines(Path(settings.DATA) / FILE)}
        if self.copy is not None:
            files[say("the copy")] = _lines(self.copy)
        rows = [line_of(row) for row in LogCheckpoint.objects.order_by("number").iterator()]
        database = say("the database")
        places = {database: rows, **files}
        known: dict[bytes, _Told] = {}
        for place, lines in places.items():
            for number, line in enumerate(map(_as_in_file, lines), 1):
                self._heard()
                if not line or line in known:
                    continue
                told = _read(line)
                if isinstance(told, str):
                    if place != database and any(row.startswith(line) for row in rows):
                        continue  # a crash cut it off, and it stands behind that as a whole
                    words = say("line {number} of {place}: {why}", number=number, place=place, why=told)
                    yield Finding(Sort.CHECKPOINT, 0, words=words)
                    continue
                known[line] = told
                if place != database:
                    words = say(
                        "checkpoint {number} of {place} is not in the database",
                        number=told.number,
                        place=place,
                    )
                    yield Finding(Sort.CHECKPOINT, 0, words=words)
        yield from self._gaps([known[line] for line in rows if line in known])
        used = [one for one in known.values() if self.since is None or one.at >= self.since]
        used.sort(key=lambda one: (one.number, one.at))
        self.count, self.last = len(used), max((one.at for one in used), default=None)
        yield from self._heads(used)

    def _gaps(self, rows: list[_Told]) -> Iterator[Finding]:
        before, number = "", 0
        for one in rows:
            if one.number != number + 1 or one.before != before:
                words = say("checkpoint {number} does not follow from the one before it", number=one.number)
                yield Finding(Sort.CHECKPOINT, 0, words=words)
            before, number = _digest(one.body), one.number

    def _heads(self, checkpoints: Iterable[_Told]) -> Iterator[Finding]:
        wanted: dict[int, list[tuple[int, str, int]]] = {}
        for one in checkpoints:
            for scope, (position, found) in one.heads.items():
                if self.scopes is None or scope in self.scopes:
                    wanted.setdefault(scope, []).append((position, found, one.number))
        for scope, heads in sorted(wanted.items()):
            self._heard()
            yield from _of_chain(scope, heads)


def _of_chain(scope: int, heads: list[tuple[int, str, int]]) -> Iterator[Finding]:
    """Hold the seals of a chain against its heads in checkpoints; yield the first that does not fit."""
    rows = LogSeal.objects.filter(scope=scope)
    end = rows.aggregate(end=Max("position"))["end"] or 0
    for start in range(0, len(heads), KEYS_MAX):
        some = heads[start : start + KEYS_MAX]
        there = rows.filter(position__in=[position for position, *_ in some])
        seals = {
            position: (pk, bytes(own).hex())
            for pk, position, own in there.values_list("pk", "position", "hash")
        }
        for position, told, number in some:
            pk, own = seals.get(position, (None, ""))
            if own == told:
                continue
            if position > end:
                words = say(
                    "checkpoint {number} has the chain up to position {position}",
                    number=number,
                    position=position,
                )
                yield Finding(Sort.CUT_OFF, scope, end + 1, None, words, position)
            else:
                words = say(
                    "not what checkpoint {number} signed: it was sealed anew from here or from before",
                    number=number,
                )
                yield Finding(Sort.CHECKPOINT, scope, position, pk, words)
            return


def _as_in_file(line: bytes) -> bytes:
    """Return a checkpoint as a line of the file, also where it came as the message of a webhook."""
    try:
        told = orjson.loads(line)
        if "data" in told:
            told = told["data"]
        return _line({key: told[key] for key in ("body", "key", "signature")})
    except (ValueError, KeyError, TypeError):
        return line.strip()  # it is told what is wrong with it


def _read(line: bytes) -> _Told | str:
    """Return a line's checkpoint, or what is wrong with it."""
    try:
        told = orjson.loads(line)
        if told["key"] != public_key():
            return say("signed by another key")
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["key"]))
        key.verify(bytes.fromhex(told["signature"]), told["body"].encode())
        body: dict[str, Any] = orjson.loads(told["body"])
        heads = {int(scope): (position, found) for scope, (position, found) in body["heads"].items()}
        at = datetime.fromisoformat(body["at"])
        return _Told(body["number"], at, body["before"], told["body"], heads)
    except InvalidSignature:
        return say("its signature is wrong")
    except (ValueError, KeyError, TypeError, AttributeError):
        return say("it cannot be read")
