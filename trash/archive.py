"""Rows put away as text, and brought back as they were. Knows tables by their names, and no rule of any."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import IntegrityError, models, transaction

from core import seal
from core.batches import SIZE
from core.db import living
from core.errors import Conflict, NotFound
from core.words import say
from trash.models import Trashed, TrashedRows
from trash.plans import PLANS, ROOTS, SEALED, TOLD, Part

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from django.db.models import Field, Model, QuerySet

GONE = say("It is not in the trash any more")
NAMES = {
    "accounts.User": "username",
    "accounts.Team": "slug",
    "accounts.Robot": "shortname",
    "projects.Project": "slug",
}


@dataclass(frozen=True)
class Dropped:
    """A row that could not come back: ``what`` it was, and of ``whom``."""

    what: str
    whom: str


@dataclass
class Parcel:
    """A thing's rows, read and claimed: nobody else restores or purges it in this transaction."""

    thing: Trashed
    pages: list[TrashedRows]
    root: dict[str, Any] = field(default_factory=dict)

    def refers_to(self, model: type[Model]) -> set[int]:
        """Return the keys of the rows of a model that these rows refer to."""
        found: set[int] = set()
        for page in self.pages:
            for name, key in _keys(page).items():
                if key.related_model is model:
                    found |= set(_column(page, name))
        return found

    def keys(self, label: str, column: str = "id") -> set[int]:
        """Return what stands in a column of the rows of a model, which a label names."""
        own = [page for page in self.pages if page.model == label and not page.link]
        return {value for page in own for value in _column(page, column)}

    def pairs(self, label: str, column: str) -> list[tuple[int, int]]:
        """Return, of each row of a model, its key and what stands in a column."""
        own = [page for page in self.pages if page.model == label and not page.link]
        ends = [(page, page.fields.index("id"), page.fields.index(column)) for page in own]
        return [(row[key], row[at]) for page, key, at in ends for row in page.rows]

    def count(self, label: str) -> int:
        """Return how many rows of a model there are."""
        return sum(len(page.rows) for page in self.pages if page.model == label and not page.link)


# Putting away --------------------------------------------------------------------------------------------


def take(thing: Trashed, rows: QuerySet[Any], *, link: str = "", size: int = SIZE) -> int:
    """Put rows away in pages and delete them, or with ``link`` empty that field; return how many these were.

    Call it inside a transaction that holds the thing.
    """
    taken = 0
    model = rows.model
    if link:
        rows = rows.filter(**{f"{link}__isnull": False})
    while True:
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:size])
        if not keys:
            return taken
        here = model._default_manager.filter(pk__in=keys).order_by("pk")
        if link:
            column = f"{link}_id"
            _write(thing, model, ["id", column], list(here.values_list("pk", column)), link=link)
            here.update(**{link: None})
        else:
            fields = [one.attname for one in model._meta.concrete_fields]
            _write(thing, model, fields, list(here.values_list(*fields)))
            here.delete()
        taken += len(keys)


def _write(
    thing: Trashed, model: type[Model], fields: list[str], rows: list[tuple[Any, ...]], *, link: str = ""
) -> None:
    columns = _columns(model)
    kinds = [columns[name] for name in fields]
    page = TrashedRows(
        thing=thing,
        model=model._meta.label,
        link=link,
        fields=fields,
        count=len(rows),
        rows=[[_put(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in rows],
    )
    if page.model in TOLD:
        page.names = _names(page)
    page.save(force_insert=True)


def _names(page: TrashedRows) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, key in _keys(page).items():
        target: Any = key.related_model
        shown = NAMES.get(target._meta.label)
        wanted = set(_column(page, name)) if shown else set()
        if shown and wanted:
            rows = target._default_manager.filter(pk__in=wanted).values_list("pk", shown)
            found.setdefault(target._meta.label, {}).update({str(pk): text for pk, text in rows})
    return found


def move(thing_id: int, *, size: int = SIZE) -> None:
    """Put away all that a thing is made of, ``size`` rows a transaction; then it is kept.

    Safe to run twice, at once, and to be killed in between: each transaction claims the thing first.
    """
    # What was deleted in an organization before it: that is put away as things of its own.
    before = Trashed.objects.filter(status=Trashed.Status.MOVING).exclude(kind=Trashed.Kind.ORGANIZATION)
    whole = Trashed.objects.filter(pk=thing_id, kind=Trashed.Kind.ORGANIZATION)
    for other in before.filter(namespace__in=whole.values("namespace")).values_list("pk", flat=True):
        while move_some(other, size):
            pass
    while move_some(thing_id, size):
        pass


@transaction.atomic
def move_some(thing_id: int, size: int) -> bool:
    """Put away up to about ``size`` rows; tell whether there may be more."""
    moving = Trashed.objects.filter(pk=thing_id, status=Trashed.Status.MOVING)
    if not moving.update(status=Trashed.Status.MOVING):  # holds it, on SQLite the whole database
        return False
    thing = Trashed.objects.get(pk=thing_id)
    room = size
    for part in PLANS[thing.kind]:
        rows = _rows(thing, part)
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:room])
        if not keys:
            continue
        some = rows.model._default_manager.filter(pk__in=keys)
        if part.kept:
            take(thing, some, link=part.link)
        else:
            some.delete()
        room -= len(keys)
        if room <= 0:
            return True
    moving.update(status=Trashed.Status.KEPT)
    return False


def _rows(thing: Trashed, part: Part) -> QuerySet[Any]:
    model = apps.get_model(part.model)
    found: QuerySet[Any] = model._default_manager.filter(
        **{part.by: thing.namespace_id if part.of_namespace else thing.target}
    )
    if part.living:
        at = "deleted_at" if part.living == "pk" else f"{part.living}__deleted_at"
        found = found.filter(**{at: None})
    return found


# Bringing back -------------------------------------------------------------------------------------------


def claim(thing: Trashed) -> Parcel:
    """Hold a thing for this transaction and read its rows, putting away the rest first.

    Raises:
        NotFound: it was restored or deleted for good just now.
    """
    there = Trashed.objects.filter(pk=thing.pk).exclude(status=Trashed.Status.PURGING)
    if not there.update(status=models.F("status")):
        raise NotFound(GONE)
    move(thing.pk)
    pages = list(TrashedRows.objects.filter(thing=thing.pk).order_by("-pk"))
    label = ROOTS[thing.kind]
    page = next((one for one in pages if one.model == label and not one.link), None)
    if page is None or not page.rows:
        raise NotFound(GONE)
    own = next(row for row in page.rows if row[page.fields.index("id")] == thing.target)
    model = apps.get_model(label)
    columns = _columns(model)
    root = {
        name: _get(columns[name], value)
        for name, value in zip(page.fields, own, strict=True)
        if name in columns
    }
    return Parcel(thing, pages, root)


def bring_back(
    parcel: Parcel,
    *,
    root: dict[str, Any],
    taken: str,
    absent: Iterable[int] = (),
    skip: dict[str, set[int]] | None = None,
) -> list[Dropped]:
    """Make the rows of a thing again, keys and all, and let the trash forget it; return what is missing.

    ``root`` are columns of the thing itself that are others by now. A row that refers to something that is
    gone loses that, or stays away if it means nothing without; so does what belongs to ``absent`` people.
    ``skip`` are keys of rows, by model, that are not wanted.

    Raises:
        Conflict: the thing's name is taken; the message is ``taken``.
    """
    label, missing = ROOTS[parcel.thing.kind], set(absent)
    own = {page.model: parcel.keys(page.model) for page in parcel.pages}
    back: dict[str, set[int]] = {}
    dropped: list[Dropped] = []
    for page in parcel.pages:
        if page.link:
            continue
        model = apps.get_model(page.model)
        columns = _columns(model)
        known = _known(page, own, back, missing if page.model in TOLD else set())
        rows = []
        for values in page.rows:
            told = {name: value for name, value in zip(page.fields, values, strict=True) if name in columns}
            if skip and told["id"] in skip.get(page.model, ()):
                continue
            is_root = page.model == label and told["id"] == parcel.thing.target
            if is_root:
                told |= root
            lost = _lost(columns, told, known, root if is_root else ())
            if not lost:
                rows.append(model(**{name: _get(columns[name], value) for name, value in told.items()}))
            elif page.model in TOLD:
                dropped.append(Dropped(TOLD[page.model], _whom(page, told, lost)))
        try:
            with transaction.atomic():
                model._default_manager.bulk_create(rows, batch_size=500)
        except IntegrityError as error:
            raise Conflict(taken) from error
        back.setdefault(page.model, set()).update(row.pk for row in rows)
    for page in parcel.pages:
        if page.link:
            _tie(page)
    forget(parcel.thing)
    return dropped


def forget(thing: Trashed) -> None:
    """Let the trash forget a thing, in one transaction."""
    TrashedRows.objects.filter(thing=thing.pk).delete()
    Trashed.objects.filter(pk=thing.pk).delete()


def _known(
    page: TrashedRows, own: dict[str, set[int]], back: dict[str, set[int]], absent: set[int]
) -> dict[str, set[int]]:
    """Return, for each foreign key of the page's rows, which of the keys in it lead somewhere."""
    found: dict[str, set[int]] = {}
    for name, key in _keys(page).items():
        target: Any = key.related_model
        label = target._meta.label
        wanted = set(_column(page, name))
        # Rows of the same table may refer to each other.
        here = wanted & (own[label] if label == page.model else back.get(label, set()))
        there = wanted - here
        if there:
            here |= set(living(target).filter(pk__in=there).values_list("pk", flat=True))
        found[name] = here - absent if label == "accounts.User" else here
    return found


def _lost(
    columns: dict[str, Field[Any, Any]],
    told: dict[str, Any],
    known: dict[str, set[int]],
    given: Container[str],
) -> list[str]:
    """Empty what leads nowhere; return the columns without which the row means nothing."""
    lost = []
    for name, keys in known.items():
        if name in given or told.get(name) is None or told[name] in keys:
            continue
        remote: Any = columns[name].remote_field
        if remote.on_delete is models.SET_NULL:
            told[name] = None
        else:
            lost.append(name)
    return lost


def _tie(page: TrashedRows) -> None:
    model = apps.get_model(page.model)
    for key, target in page.rows:
        model._default_manager.filter(pk=key, **{page.link: None}).update(**{f"{page.link}_id": target})


def _whom(page: TrashedRows, told: dict[str, Any], lost: list[str]) -> str:
    names = []
    for name in lost:
        target: Any = _keys(page)[name].related_model
        names.append(page.names.get(target._meta.label, {}).get(str(told[name]), ""))
    return ", ".join(filter(None, names)) or str(told.get("email") or "")


def reseal() -> int:
    """Seal the secrets among the rows that are put away again with the newest key; return how many."""
    count = 0
    for page in TrashedRows.objects.filter(model__in=SEALED, link="").iterator(chunk_size=20):
        columns = [page.fields.index(name) for name in SEALED[page.model] if name in page.fields]
        for row in page.rows:
            for at in columns:
                if row[at]:
                    row[at] = seal.reseal(row[at])
                    count += 1
        TrashedRows.objects.filter(pk=page.pk).update(rows=page.rows)
    return count


# Fields --------------------------------------------------------------------------------------------------


def _columns(model: type[Model]) -> dict[str, Field[Any, Any]]:
    return {one.attname: one for one in model._meta.concrete_fields}


def _keys(page: TrashedRows) -> dict[str, Field[Any, Any]]:
    """Return the foreign keys among the columns of a page."""
    columns = _columns(apps.get_model(page.model))
    return {name: one for name, one in columns.items() if one.is_relation and name in page.fields}


def _column(page: TrashedRows, name: str) -> list[int]:
    at = page.fields.index(name)
    return [row[at] for row in page.rows if row[at] is not None]


def _put(kind: Field[Any, Any], value: Any) -> Any:
    if value is None or isinstance(kind, models.JSONField):
        return value
    if isinstance(kind, models.BinaryField):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(kind, models.DateTimeField):
        return value.isoformat()
    return value if isinstance(value, bool | int | str) else str(value)


def _get(kind: Field[Any, Any], value: Any) -> Any:
    if value is None or isinstance(kind, models.JSONField):
        return value
    if isinstance(kind, models.BinaryField):
        return base64.b64decode(value)
    return kind.to_python(value)
