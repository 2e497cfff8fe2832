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
RECENT = 10  # are read at a time; the file may lack as many without being read as a whole
HEADS = 100_000  # of chains that are held against the log together
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


def _lines(path: Path, end: int | None = None) -> Iterator[bytes]:
    """Yield the lines of a file without what ends them, as far as they stand before ``end``."""
    if not path.exists():
        return
    place = 0
    with path.open("rb") as file:
        for line in file:
            place += len(line)
            if end is not None and place > end:
                return
            yield line.rstrip(b"\r\n")


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
        # Of years there is more than fits: of lines only digests are kept, and of heads so many.
        self._met: set[bytes] = set()
        self._wanted: dict[int, list[tuple[int, int, str]]] = {}
        self._number = 0
        self._misfits: set[int] = set()

    def run(self) -> Iterator[Finding]:
        """Yield what does not fit."""
        files = {say("the file"): Path(settings.DATA) / FILE}
        if self.copy is not None:
            files[say("the copy")] = self.copy
        # What is there now: what is signed meanwhile stands in the database before it stands in a file.
        ends = {place: path.stat().st_size if path.exists() else 0 for place, path in files.items()}
        rows = LogCheckpoint.objects.order_by("number").iterator(chunk_size=RECENT)
        before, number = "", 0
        for one in self._checkpoints(say("the database"), map(line_of, rows)):
            if isinstance(one, _Told):
                if one.number != number + 1 or one.before != before:
                    words = say(
                        "checkpoint {number} does not follow from the one before it", number=one.number
                    )
                    yield Finding(Sort.CHECKPOINT, 0, words=words)
                before, number = _digest(one.body), one.number
                yield from self._use(one)
            else:
                yield Finding(Sort.CHECKPOINT, 0, words=one)
        for place, path in files.items():
            for one in self._checkpoints(place, _lines(path, ends[place]), in_file=True):
                if isinstance(one, _Told):
                    words = say(
                        "checkpoint {number} of {place} is not in the database",
                        number=one.number,
                        place=place,
                    )
                    yield Finding(Sort.CHECKPOINT, 0, words=words)
                    yield from self._use(one)
                else:
                    yield Finding(Sort.CHECKPOINT, 0, words=one)
        yield from self._hold()

    def _checkpoints(
        self, place: str, lines: Iterable[bytes], *, in_file: bool = False
    ) -> Iterator[_Told | str]:
        """Yield each checkpoint that was not met before; of lines that are none, what is wrong with them."""
        for number, line in enumerate(map(_as_in_file, lines), 1):
            self._heard()
            digest = hashlib.sha256(line).digest()
            if not line or digest in self._met:
                continue
            told = _read(line)
            if not isinstance(told, str):
                self._met.add(digest)
                yield told
            elif not (in_file and _is_cut_off(line)):
                yield say("line {number} of {place}: {why}", number=number, place=place, why=told)

    def _use(self, one: _Told) -> Iterator[Finding]:
        """Hold the log against a checkpoint, sooner or later."""
        if self.since is not None and one.at < self.since:
            return
        self.count, self.last = self.count + 1, max(one.at, self.last or one.at)
        for scope, (position, found) in one.heads.items():
            if (self.scopes is None or scope in self.scopes) and scope not in self._misfits:
                self._wanted.setdefault(scope, []).append((one.number, position, found))
                self._number += 1
        if self._number >= HEADS:
            yield from self._hold()

    def _hold(self) -> Iterator[Finding]:
        """Hold the chains against what is wanted of them so far."""
        for scope, heads in sorted(self._wanted.items()):
            self._heard()
            for finding in _of_chain(scope, sorted(heads)):
                self._misfits.add(scope)
                yield finding
        self._wanted, self._number = {}, 0


def _is_cut_off(line: bytes) -> bool:
    """Tell whether a checkpoint begins so: a crash cut it off, and it stands behind that as a whole."""
    rows = LogCheckpoint.objects.order_by("-number").iterator(chunk_size=RECENT)
    return any(line_of(row).startswith(line) for row in rows)


def _of_chain(scope: int, heads: list[tuple[int, int, str]]) -> Iterator[Finding]:
    """Hold the seals of a chain against its heads in checkpoints; yield the first that does not fit."""
    rows = LogSeal.objects.filter(scope=scope)
    end = rows.aggregate(end=Max("position"))["end"] or 0
    for start in range(0, len(heads), KEYS_MAX):
        some = heads[start : start + KEYS_MAX]
        there = rows.filter(position__in=[position for _, position, _ in some])
        seals = {
            position: (pk, bytes(own).hex())
            for pk, position, own in there.values_list("pk", "position", "hash")
        }
        for number, position, told in some:
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
