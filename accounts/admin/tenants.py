from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from accounts import services
from accounts.models import Account, AccountAdministrator, Namespace
from backoffice.desk import Desk, Neighbour, column, link
from backoffice.filters import gone_filter
from backoffice.verbs import Verb, VerbForm, making, row_of, text

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from core.actor import Actor


class NewAccountForm(VerbForm):
    name = text("Name")
    administrator = row_of(AccountAdministrator, "user", "First administrator", deleted_at=None)


class AccountNameForm(VerbForm):
    name = text("Name")


class AdministratorForm(VerbForm):
    user = row_of(AccountAdministrator, "user", "Person", deleted_at=None)


def _create(actor: Actor, data: dict[str, Any]) -> Account:
    return services.create_account(actor=actor, **data)


def _is_group(account: Account) -> bool:
    return account.kind == Account.Kind.GROUP and account.deleted_at is None


@admin.register(Account)
class AccountDesk(Desk):
    list_display = ("name", "kind", "person", "created_at", "is_living")
    list_filter = ("kind", gone_filter("deleted"))
    search_fields = ("name", "user__username")
    date_hierarchy = "created_at"
    ordering = ("name", "pk")
    related = ("user",)
    fields = ("name", "kind", "person", "created_at", "deleted_at")
    neighbours = (
        Neighbour("Administrators", "accounts_accountadministrator", "account__id__exact"),
        Neighbour("Organizations", "accounts_organization", "account__id__exact"),
        Neighbour("Quotas", "quotas_quota", "account__id__exact"),
    )
    verbs = (
        making(
            "create",
            "New account",
            "Makes a group account: it holds organizations and limits.",
            "Created",
            _create,
            form=NewAccountForm,
        ),
        Verb(
            "rename",
            "Rename",
            "Gives the account another name. Names of organizations stay.",
            "Renamed",
            lambda actor, account, data: services.rename_account(actor=actor, account=account, **data),
            icon="edit",
            form=AccountNameForm,
            fits=_is_group,
            initial=lambda account: {"name": account.name},
            single=True,
        ),
        Verb(
            "add-administrator",
            "Add administrator",
            "She may manage the account and its organizations' place in it.",
            "Administrator added",
            lambda actor, account, data: services.add_administrator(actor=actor, account=account, **data),
            icon="person_add",
            form=AdministratorForm,
            fits=_is_group,
            single=True,
        ),
        Verb(
            "delete",
            "Delete",
            "Deletes the account with every organization in it: access ends now, a worker removes the rows. "
            "This cannot be undone.",
            "Deleted",
            lambda actor, account, data: services.delete_account(actor=actor, account=account),
            icon="delete",
            fits=_is_group,
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Person", ordering="user__username")
    def person(self, account: Account) -> SafeString | str:
        return link(account.user)

    @column(description="Living", boolean=True, ordering="deleted_at")
    def is_living(self, account: Account) -> bool:
        return account.deleted_at is None


@admin.register(AccountAdministrator)
class AccountAdministratorDesk(Desk):
    list_display = ("account", "user_link", "created_at")
    search_fields = ("account__name", "user__username")
    date_hierarchy = "created_at"
    ordering = ("account__name", "user__username", "pk")
    related = ("account", "user")
    fields = ("account_link", "user_link", "created_at")
    verbs = (
        Verb(
            "remove",
            "Remove administrator",
            "She no longer manages the account. The last administrator cannot be removed.",
            "Removed",
            lambda actor, row, data: services.remove_administrator(
                actor=actor, account=row.account, user=row.user
            ),
            icon="person_remove",
            danger=True,
        ),
    )

    @column(description="Account", ordering="account__name")
    def account_link(self, row: AccountAdministrator) -> SafeString | str:
        return link(row.account)

    @column(description="Person", ordering="user__username")
    def user_link(self, row: AccountAdministrator) -> SafeString | str:
        return link(row.user)


@admin.register(Namespace)
class NamespaceDesk(Desk):
    list_display = ("name", "kind", "state", "owner", "created_at", "deleted_at")
    list_filter = ("kind", gone_filter("tombstone"))
    search_fields = ("key",)
    search_help_text = "Name; tombstones are names of the dead"
    date_hierarchy = "created_at"
    ordering = ("name", "pk")
    related = ("user", "organization")
    fields = ("name", "key", "kind", "state", "owner", "created_at", "deleted_at")
    neighbours = (
        Neighbour("Projects", "projects_project", "namespace__id__exact"),
        Neighbour("Robots", "accounts_robot", "namespace__id__exact"),
        Neighbour("Quotas", "quotas_quota", "namespace__id__exact"),
        Neighbour("Applications", "tokens_application", "namespace__id__exact"),
        Neighbour("Usage log", "logs_logentry", "namespace__id__exact"),
    )

    @column(description="State", ordering="deleted_at", label={"living": "success", "tombstone": "danger"})
    def state(self, namespace: Namespace) -> str:
        return "living" if namespace.deleted_at is None else "tombstone"

    @column(description="Owner")
    def owner(self, namespace: Namespace) -> SafeString | str:
        # A tombstone's owner is gone as soon as the worker has been by.
        return link(getattr(namespace, "user", None) or getattr(namespace, "organization", None))
