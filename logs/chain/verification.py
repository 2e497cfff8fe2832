"""Finding what was changed in the log, in its seals or in its archive, and where.

Every seal is held against its entry, and against the seal before it; each chain against its head; entries
before the mark against there being a seal; lines of archived files against the seals that outlived their
entries. What is sealed, erased or archived meanwhile is looked at once more before it is called a finding.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, Max, Min, OuterRef

from accounts.models import Namespace
from core.db import KEYS_MAX
from core.words import say
from logs import settled
from logs.chain import sealing
from logs.chain.archived import Archived, erased_as_told
from logs.chain.checkpoints import Checked
from logs.chain.content import AT, COLUMNS, START, is_erased, leaf, link
from logs.chain.findings import Finding, Sort
from logs.kinds import ERASE_PERSON
from logs.models import LogChain, LogEntry, LogSeal
from logs.settled import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from django.db.models import QuerySet

LOOKS = 3  # at what seems wrong, while others may be changing it
SPAN = 100_000  # keys that are looked at together
AGAIN_AT_MOST = 10_000  # altered entries among which swapped ones are looked for


@dataclass
class _Altered:
    seal: LogSeal
    entry: tuple[Any, ...]


class Verification:
    """One going through of the log, or of some chains of it, or of what is not older than a moment.

    ``run`` yields findings as they are met; what it has seen stands in ``seals``, ``erased``, ``archived``
    and ``found`` (how many of each sort).
    """

    def __init__(
        self,
        scopes: Collection[int] | None = None,
        since: datetime | None = None,
        copy: Path | None = None,
        heard: Callable[[], object] = bool,
    ) -> None:
        """Prepare to go through these chains, or all; from a moment on, or from the beginning.

        ``copy`` is a file of checkpoints that was kept elsewhere. ``heard`` is called again and again, every
        few seconds at the latest; what it raises ends the going through.
        """
        self.scopes, self.since = scopes, since
        self.seals = self.erased = self.archived = self.chains = 0
        self.found: Counter[Sort] = Counter()
        self.mark = Cursor()
        self.checkpoints = Checked(scopes, since, copy, heard)
        self._heard = heard
        self._files = Archived(scopes, since, heard)
        self._altered: list[_Altered] = []

    @property
    def unsealed_files(self) -> list[str]:
        """Return the files of the archive that were written before the log was sealed."""
        return self._files.unsealed

    def run(self) -> Iterator[Finding]:
        """Yield all findings."""
        for finding in self._run():
            self.found[finding.sort] += 1
            yield finding

    def _run(self) -> Iterator[Finding]:
        settled.settled()  # notices where the database was restored into another cluster
        mark = sealing.mark()
        self.mark = Cursor(mark.xact, mark.entry)
        sealed = self._of_these(LogSeal.objects.all()).values_list("scope").annotate(Max("position"))
        ends = dict(sealed)
        heads = {one.scope: one for one in self._of_these(LogChain.objects.all())}
        yield from self._files.read()
        for scope in sorted(heads.keys() | ends.keys()):
            self.chains += 1
            head = heads.get(scope)
            if head is None:
                yield Finding(Sort.SEAL, scope, words=say("the head of the chain is gone"))
                head = LogChain(scope=scope, position=ends[scope], hash=b"")
            yield from self._chain(head)
        yield from self._unsealed()
        yield from self._changed()
        yield from self.checkpoints.run()
        yield from self._untold()

    def _untold(self) -> Iterator[Finding]:
        """Hold how many entries something was erased from against what the log tells of erasing."""
        if self.scopes is not None or self.since is not None or not self.erased:
            return  # erasing is told in another chain than the entries stand in
        rows = LogEntry.objects.filter(kind=ERASE_PERSON.name).values_list("metadata", flat=True)
        told = self._files.told + sum(map(erased_as_told, rows.iterator()))
        erased = self.erased - sum(is_erased(bytes(one.seal.blinds)) for one in self._altered)
        if erased > told:
            words = say(
                "something is erased from {count} entries, and the log tells of {told}",
                count=erased,
                told=told,
            )
            yield Finding(Sort.ERASED, sealing.NOWHERE, words=words)

    def _of_these(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.scopes is None else rows.filter(scope__in=self.scopes)

    # A chain ---------------------------------------------------------------------------------------------

    def _chain(self, head: LogChain) -> Iterator[Finding]:
        walk = _Walk(head.scope)
        if self.since is not None:
            first = LogSeal.objects.filter(scope=head.scope, at__gte=self.since).aggregate(Min("position"))
            if first["position__min"] is None:
                return
            walk.begin(first["position__min"])
        missing: list[LogSeal] = []
        rows = LogSeal.objects.filter(scope=head.scope, position__lte=head.position).order_by("position")
        while page := list(rows.filter(position__gt=walk.position)[:KEYS_MAX]):
            self._heard()
            entries = self._entries(page)
            for seal in page:
                entry = entries.get(seal.pk)
                if missing and seal.position > walk.position + 1:
                    yield from _runs(self._gone(missing), Sort.REMOVED)
                    missing = []
                yield from walk.step(seal, entry)
                self.seals += 1
                self.erased += is_erased(bytes(seal.blinds))
                if entry is None and seal.pk in self._files:
                    self.archived += 1
                elif entry is None:
                    missing.append(seal)
                    continue
                elif walk.is_altered and self._is_still_altered(seal):
                    self._altered.append(_Altered(seal, entry))
                if missing:
                    yield from _runs(self._gone(missing), Sort.REMOVED)
                    missing = []
        at_end = walk.position == head.position
        yield from _runs(self._gone(missing), Sort.CUT_OFF if at_end else Sort.REMOVED)
        if not at_end:
            words = say("seals at the end of the chain are gone")
            yield Finding(Sort.CUT_OFF, head.scope, walk.position + 1, None, words, head.position)
        elif head.hash and bytes(head.hash) != walk.hash:
            words = say("the head is not the last seal's hash")
            yield Finding(Sort.SEAL, head.scope, head.position, words=words)

    def _entries(self, seals: list[LogSeal]) -> dict[int, tuple[Any, ...]]:
        """Return the entries of seals, as far as they are there."""
        wanted = {seal.pk for seal in seals}
        times = [seal.at for seal in seals]
        found: dict[int, tuple[Any, ...]] = {}
        # By their time as well: so that not every month's partition is looked into.
        for narrow in ({"at__range": (min(times), max(times))}, {}):
            left = [pk for pk in wanted if pk not in found and pk not in self._files]
            if left:
                rows = LogEntry.objects.filter(pk__in=left, **narrow)
                found |= {row[0]: row for row in rows.values_list(*COLUMNS)}
        return found

    def _gone(self, seals: list[LogSeal]) -> list[LogSeal]:
        """Return those whose entries are gone, and did not just go to the archive or come after all."""
        if not seals:
            return []
        list(self._files.read())
        found: set[int] = set()
        for start in range(0, len(seals), KEYS_MAX):
            self._heard()
            found |= self._entries(seals[start : start + KEYS_MAX]).keys()
        return [seal for seal in seals if seal.pk not in found and seal.pk not in self._files]

    def _is_still_altered(self, seal: LogSeal) -> bool:
        """Look again: something may have been erased between reading the seal and reading the entry."""
        for _ in range(LOOKS):
            seal.refresh_from_db()
            entry = self._entries([seal]).get(seal.pk)
            if entry is not None and leaf(entry, bytes(seal.blinds)) == bytes(seal.leaf):
                return False
        return True

    # What is left ----------------------------------------------------------------------------------------

    def _unsealed(self) -> Iterator[Finding]:
        rows = settled.up_to(self.mark, LogEntry.objects.all())
        if self.scopes is not None:
            rows = rows.filter(namespace__in=[scope for scope in self.scopes if scope])
        if self.since is not None:
            rows = rows.filter(at__gte=self.since)
        ends = LogEntry.objects.aggregate(first=Min("pk"), last=Max("pk"))
        rows = rows.exclude(Exists(LogSeal.objects.filter(pk=OuterRef("pk"))))
        # By their keys: one statement over all of a large log would go on when nobody waits for it any more.
        for start in range(ends["first"] or 0, (ends["last"] or 0) + 1, SPAN):
            self._heard()
            some = rows.filter(pk__gte=start, pk__lt=start + SPAN).order_by("pk")
            for pk, scope in some.values_list("pk", "namespace").iterator():
                words = say("it stands where all is sealed, and is not")
                yield Finding(Sort.INSERTED, scope or sealing.NOWHERE, None, pk, words)

    def _changed(self) -> Iterator[Finding]:
        """Tell which of the altered entries stand in each other's places."""
        by_time: dict[Any, list[LogSeal]] = {}
        for one in self._altered[:AGAIN_AT_MOST]:
            by_time.setdefault(one.seal.at, []).append(one.seal)
        for one in self._altered:
            seal, was = one.seal, None
            for other in by_time.get(one.entry[AT], ()):
                if other.pk != seal.pk and leaf(one.entry, bytes(other.blinds)) == bytes(other.leaf):
                    was = other
            if was is None:
                words = say("not as it was sealed")
                yield Finding(Sort.ALTERED, seal.scope, seal.position, seal.pk, words)
            else:
                words = say("it holds what entry {entry} was", entry=was.pk)
                yield Finding(Sort.SWAPPED, seal.scope, seal.position, seal.pk, words)


class _Walk:
    """Going along a chain, from seal to seal."""

    def __init__(self, scope: int) -> None:
        self.scope, self.position, self.hash = scope, 0, START
        self.is_altered = False
        self._ours = START  # what the last hash should have been
        self._is_known = True  # whether there is something that the next seal has to follow

    def begin(self, position: int) -> None:
        """Begin at a position in the middle, and take for right what stands before it."""
        self.position = position - 1
        if self.position:
            before = LogSeal.objects.filter(scope=self.scope, position=self.position).first()
            self._is_known = before is not None
            self.hash = self._ours = bytes(before.hash) if before else b""

    def step(self, seal: LogSeal, entry: tuple[Any, ...] | None) -> Iterator[Finding]:
        """Go to the next seal; yield what is wrong with it, and note whether its entry is another."""
        if seal.position > self.position + 1:
            words = say("seals are gone")
            yield Finding(Sort.SEAL, self.scope, self.position + 1, None, words, seal.position - 1)
            self._is_known = False
        own, told = bytes(seal.leaf), bytes(seal.hash)
        found = own if entry is None else leaf(entry, bytes(seal.blinds))
        self.is_altered = found != own
        place = (self.scope, seal.position, seal.pk)
        befores = {self.hash, self._ours}
        if self._is_known and told not in {link(before, *place, own) for before in befores}:
            if self.is_altered and told in {link(before, *place, found) for before in befores}:
                self.is_altered = False
            yield Finding(Sort.SEAL, *place, say("it does not follow from the seal before it"))
        self._ours = link(self.hash, *place, found)
        self.position, self.hash, self._is_known = seal.position, told, True


def _runs(seals: list[LogSeal], sort: Sort) -> Iterator[Finding]:
    """Yield one finding for all seals, which stand side by side."""
    if seals:
        first, last = seals[0], seals[-1]
        words = say("1 entry")
        if len(seals) > 1:
            words = say("{count} entries, {first} to {last}", count=len(seals), first=first.pk, last=last.pk)
        yield Finding(sort, first.scope, first.position, first.pk, words, last.position)


def names(scopes: Collection[int]) -> dict[int, str]:
    """Return the names of chains' namespaces; of those that are purged there is only the number."""
    found = dict(Namespace.objects.filter(pk__in=scopes).values_list("pk", "name"))
    purged = {scope: say("namespace {number}", number=scope) for scope in scopes} | {0: say("(none)")}
    return {scope: found.get(scope, purged[scope]) for scope in scopes}
