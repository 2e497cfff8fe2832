"""The back office's desks for quotas and their thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import F, Q
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.desk import Desk, Figure, Neighbour, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb, VerbForm, choice, number, text
from quotas import services
from quotas.models import LimitRequest, Quota, RegistrySize, Resource, Threshold, UsageSample
from quotas.selectors import by_name_limit_of, limit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from core.actor import Actor


class LimitForm(VerbForm):
    limit = number("Limit", help_text="A limit below what is used refuses growth and deletes nothing.")


class ByNameForm(VerbForm):
    limit = number(
        "Projects",
        required=False,
        help_text="Below this number of all projects one more is made; empty: the instance's default.",
    )


class LimitFilter(StateFilter):
    title = "limit"
    parameter_name = "fill"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("limited", "limited", Q(limit__isnull=False)),
            ("tight", "90 % used or more", Q(limit__isnull=False, used__gte=F("limit") * 0.9)),
            ("full", "full", Q(limit__isnull=False, used__gte=F("limit"))),
            ("unlimited", "without limit", Q(limit=None)),
        ]


class ThresholdForm(VerbForm):
    kind = choice("What happens", Threshold.Kind.choices)
    percent = number("At percent of the limit", help_text="1 to 100.")


def _is_storage(quota: Quota) -> bool:
    return quota.namespace is not None and quota.resource == Resource.BYTES


def _has_names(quota: Quota) -> bool:
    namespace = quota.namespace
    return (
        namespace is not None
        and namespace.kind == namespace.Kind.ORGANIZATION
        and quota.resource == Resource.PROJECTS
    )


def _set(actor: Actor, quota: Quota, limit: int | None) -> None:
    namespace = quota.namespace
    if namespace is not None and quota.resource == Resource.BYTES:
        # A namespace's storage has thresholds, and words of its own in the log.
        if limit is None:
            services.delete_quota(actor=actor, namespace=namespace)
        elif quota.limit is None:
            services.create_quota(actor=actor, namespace=namespace, limit_bytes=limit)
        else:
            services.change_quota(actor=actor, namespace=namespace, limit_bytes=limit)
        return
    services.set_limit(
        actor=actor,
        resource=Resource(quota.resource),
        limit=limit,
        namespace=quota.namespace,
        account=quota.account,
    )


def _amount(quota: Quota, value: int | None) -> str:
    if value is None:
        return "-"
    return filesizeformat(value) if quota.resource == Resource.BYTES else f"{value:,}"


@admin.register(Quota)
class QuotaDesk(Desk):
    list_display = ("owner", "resource", "shown_used", "shown_limit", "share")
    list_filter = (
        "resource",
        LimitFilter,
        ("namespace", AutocompleteSelectFilter),
        ("account", AutocompleteSelectFilter),
    )
    search_fields = ("namespace__key", "account__name")
    search_help_text = "Name of the namespace or the account"
    ordering = ("namespace__name", "account__name", "pk")
    related = ("namespace__organization", "namespace__user", "account")
    fields = ("owner_link", "resource", "shown_used", "shown_limit", "shown_by_name", "share", "changed_at")
    neighbours = (Neighbour("Thresholds", "quotas_threshold", "quota__id__exact"),)
    verbs = (
        Verb(
            "limit",
            "Set limit",
            "Sets the limit of each chosen quota. Storage is told in bytes; a namespace's is enforced by its "
            "thresholds alone: add one that rejects.",
            "Limit set",
            lambda actor, quota, data: _set(actor, quota, data["limit"]),
            icon="speed",
            form=LimitForm,
        ),
        Verb(
            "lift",
            "Lift limit",
            "There is no limit any more, nor thresholds. What is used goes on being counted.",
            "Limit lifted",
            lambda actor, quota, data: _set(actor, quota, None),
            icon="all_inclusive",
            fits=lambda quota: quota.limit is not None,
        ),
        Verb(
            "by-name",
            "Limit of projects made by name",
            "The Qodana API makes projects when it is first asked for their tokens. At this limit it makes "
            "none; people and the other APIs go on.",
            "Limit set",
            lambda actor, quota, data: services.set_limit_by_name(
                actor=actor, namespace=quota.namespace, limit=data["limit"]
            ),
            icon="data_object",
            form=ByNameForm,
            fits=_has_names,
            initial=lambda quota: {"limit": quota.by_name_limit},
        ),
        Verb(
            "add-threshold",
            "Add threshold",
            "Warns the namespace's administrators, or refuses growth, from a share of the limit on.",
            "Threshold added",
            lambda actor, quota, data: services.add_threshold(actor=actor, namespace=quota.namespace, **data),
            icon="notification_add",
            form=ThresholdForm,
            fits=lambda quota: _is_storage(quota) and quota.limit is not None,
        ),
    )

    @column(description="Owner", ordering="namespace__name")
    def owner(self, quota: Quota) -> str:
        return str(quota.namespace or quota.account)

    @column(description="Owner")
    def owner_link(self, quota: Quota) -> SafeString | str:
        return link(quota.namespace or quota.account)

    @column(description="Used", ordering="used")
    def shown_used(self, quota: Quota) -> str:
        return _amount(quota, quota.used)

    @column(description="Limit", ordering="limit")
    def shown_limit(self, quota: Quota) -> str:
        return _amount(quota, quota.limit)

    @column(description="Limit of projects made by name")
    def shown_by_name(self, quota: Quota) -> str:
        if not _has_names(quota):
            return "-"
        limit = by_name_limit_of(quota)
        said = "none" if limit is None else f"{limit:,}"
        return said if quota.by_name_limit is not None else f"{said} (the instance's default)"

    @column(description="Share", label={"roomy": "success", "tight": "warning", "full": "danger"})
    def share(self, quota: Quota) -> Any:
        if quota.limit is None:
            return None
        percent = 100 if not quota.limit else quota.used * 100 // quota.limit
        mood = "full" if percent >= 100 else "tight" if percent >= 90 else "roomy"
        return (mood, f"{percent} %")


class ApproveForm(VerbForm):
    limit = number("Limit", required=False, help_text="Storage in bytes; empty: what was asked for.")
    answer = text("Answer", required=False, max_length=500)


class DenyForm(VerbForm):
    answer = text("Answer", max_length=500, help_text="Who asked is told.")


def _is_open(request: LimitRequest) -> bool:
    return request.status == LimitRequest.Status.OPEN


@admin.register(LimitRequest)
class LimitRequestDesk(Desk):
    list_display = (
        "owner",
        "resource",
        "shown_limit",
        "shown_wanted",
        "requester",
        "created_at",
        "shown_status",
    )
    list_filter = ("status", "quota__resource")
    search_fields = ("quota__namespace__key", "requested_by_name")
    search_help_text = "Name of the namespace, or of who asked"
    ordering = ("-pk",)
    related = ("quota__namespace", "requested_by")
    fields = (
        *("quota_link", "shown_limit", "shown_wanted", "reason", "requester", "created_at"),
        *("shown_status", "shown_granted", "answer", "decided_by_name", "decided_at"),
    )
    verbs = (
        Verb(
            "approve",
            "Approve",
            "Sets the limit to what was asked for, or to another one above the present. Who asked is told.",
            "Approved",
            lambda actor, row, data: services.approve_limit_request(actor=actor, request=row, **data),
            icon="check_circle",
            form=ApproveForm,
            fits=_is_open,
        ),
        Verb(
            "deny",
            "Deny",
            "The limit stays. Who asked is told, with the answer.",
            "Denied",
            lambda actor, row, data: services.deny_limit_request(actor=actor, request=row, **data),
            icon="block",
            form=DenyForm,
            fits=_is_open,
            danger=True,
        ),
    )

    @column(description="Namespace", ordering="quota__namespace__name")
    def owner(self, request: LimitRequest) -> str:
        return str(request.quota.namespace)

    @column(description="Quota")
    def quota_link(self, request: LimitRequest) -> SafeString | str:
        return link(request.quota)

    @column(description="Resource", ordering="quota__resource")
    def resource(self, request: LimitRequest) -> str:
        return str(Resource(request.quota.resource).label)

    @column(description="Limit now")
    def shown_limit(self, request: LimitRequest) -> str:
        return _amount(request.quota, limit_of(request.quota))

    @column(description="Asked for", ordering="wanted")
    def shown_wanted(self, request: LimitRequest) -> str:
        return _amount(request.quota, request.wanted)

    @column(description="Given")
    def shown_granted(self, request: LimitRequest) -> str:
        return _amount(request.quota, request.granted)

    @column(description="Asked by", ordering="requested_by_name")
    def requester(self, request: LimitRequest) -> SafeString | str:
        return link(request.requested_by) if request.requested_by else request.requested_by_name or "-"

    @column(
        description="Status",
        ordering="status",
        label={"open": "warning", "approved": "success", "denied": "danger"},
    )
    def shown_status(self, request: LimitRequest) -> str:
        return request.status

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        waiting = LimitRequest.objects.filter(
            status=LimitRequest.Status.OPEN, quota__namespace__isnull=False
        ).count()
        address = f"{reverse('admin:quotas_limitrequest_changelist')}?status__exact=open"
        mood = "warning" if waiting else ""
        return [
            Figure("Higher limits asked for", waiting, note="not answered", url=address, mood=mood, rank=7)
        ]


@admin.register(UsageSample)
class UsageSampleDesk(Desk):
    list_display = ("quota", "day", "shown_used")
    list_filter = ("quota__resource",)
    search_fields = ("quota__namespace__key", "quota__account__name")
    search_help_text = "Name of the namespace or the account"
    ordering = ("-day", "pk")
    related = ("quota__namespace", "quota__account")
    fields = ("quota", "day", "shown_used")

    @column(description="Used", ordering="used")
    def shown_used(self, sample: UsageSample) -> str:
        return _amount(sample.quota, sample.used)


def _of(threshold: Threshold) -> dict[str, Any]:
    return {
        "namespace": threshold.quota.namespace,
        "quota_id": str(threshold.quota_id),
        "limit_id": str(threshold.pk),
    }


@admin.register(Threshold)
class ThresholdDesk(Desk):
    list_display = ("quota", "kind", "shown_percent")
    list_filter = ("kind",)
    search_fields = ("quota__namespace__key", "quota__account__name")
    search_help_text = "Name of the namespace or the account"
    ordering = ("quota__namespace__name", "percent", "pk")
    related = ("quota__namespace", "quota__account")
    fields = ("quota_link", "kind", "shown_percent")
    verbs = (
        Verb(
            "change",
            "Change",
            "Another share of the limit, or another consequence.",
            "Changed",
            lambda actor, row, data: services.change_threshold(actor=actor, **_of(row), **data),
            icon="edit",
            form=ThresholdForm,
            initial=lambda row: {"kind": row.kind, "percent": row.percent},
            single=True,
        ),
        Verb(
            "delete",
            "Remove",
            "Nothing happens any more at this share of the limit.",
            "Removed",
            lambda actor, row, data: services.delete_threshold(actor=actor, **_of(row)),
            icon="delete",
            danger=True,
        ),
    )

    @column(description="Quota")
    def quota_link(self, threshold: Threshold) -> SafeString | str:
        return link(threshold.quota)

    @column(description="At", ordering="percent")
    def shown_percent(self, threshold: Threshold) -> str:
        return f"{threshold.percent} %"


@admin.register(RegistrySize)
class RegistrySizeDesk(Desk):
    list_display = ("shown_size", "status", "drifting", "ran_at")
    fields = ("shown_size", "status", "drifting", "started_at", "ran_at")
    verbs = (
        Verb(
            "count",
            "Count now",
            "A worker sums up what all projects take up, and looks whether the counters of namespaces and "
            "accounts are right. Those that are not are named in its log.",
            "Counting",
            lambda actor, row, data: services.request_registry_size(actor=actor),
            icon="calculate",
            fits=lambda row: row.status == RegistrySize.Status.IDLE,
        ),
    )

    @column(description="Storage of all projects", ordering="size_bytes")
    def shown_size(self, row: RegistrySize) -> str:
        return filesizeformat(row.size_bytes)
