"""Words that stand in many places: things with their number, and the single words of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext_lazy

from console.charts import full

if TYPE_CHECKING:
    from collections.abc import Sequence

THINGS = {
    "application": ngettext_lazy("{count} application", "{count} applications", "number"),
    "authorization": ngettext_lazy("{count} authorization", "{count} authorizations", "number"),
    "code": ngettext_lazy("{count} change", "{count} changes", "number"),
    "credential": ngettext_lazy("{count} credential", "{count} credentials", "number"),
    "entry": ngettext_lazy("{count} entry", "{count} entries", "number"),
    "holder": ngettext_lazy("{count} holder", "{count} holders", "number"),
    "invitation": ngettext_lazy("{count} invitation", "{count} invitations", "number"),
    "key": ngettext_lazy("{count} key", "{count} keys", "number"),
    "member": ngettext_lazy("{count} member", "{count} members", "number"),
    "notification": ngettext_lazy("{count} notification", "{count} notifications", "number"),
    "organization": ngettext_lazy("{count} organization", "{count} organizations", "number"),
    "project": ngettext_lazy("{count} project", "{count} projects", "number"),
    "robot": ngettext_lazy("{count} robot", "{count} robots", "number"),
    "row": ngettext_lazy("{count} row", "{count} rows", "number"),
    "run": ngettext_lazy("{count} run", "{count} runs", "number"),
    "team": ngettext_lazy("{count} team", "{count} teams", "number"),
    "thing": ngettext_lazy("{count} thing", "{count} things", "number"),
    "token": ngettext_lazy("{count} token", "{count} tokens", "number"),
}
# Single words of the database and of badges, which `core.words.told` says in the reader's language.
WORDS = (
    # Roles
    gettext_noop("owner"),
    gettext_noop("admin"),
    gettext_noop("creator"),
    gettext_noop("member"),
    gettext_noop("auditor"),
    gettext_noop("read"),
    gettext_noop("write"),
    # Projects
    gettext_noop("public"),
    gettext_noop("private"),
    gettext_noop("normal"),
    gettext_noop("read-only"),
    gettext_noop("read only"),
    gettext_noop("mirror"),
    # Things
    gettext_noop("organization"),
    gettext_noop("project"),
    gettext_noop("team"),
    gettext_noop("robot"),
    gettext_noop("person"),
    gettext_noop("user"),
    # Where something stands
    gettext_noop("active"),
    gettext_noop("disabled"),
    gettext_noop("enabled"),
    gettext_noop("expired"),
    gettext_noop("new"),
    gettext_noop("replaced"),
    gettext_noop("on"),
    gettext_noop("off"),
    gettext_noop("paused"),
    gettext_noop("failing"),
    gettext_noop("waiting"),
    gettext_noop("under way"),
    gettext_noop("delivered"),
    gettext_noop("failed"),
    gettext_noop("robot disabled"),
    gettext_noop("expiring"),
    gettext_noop("unused"),
    gettext_noop("taken"),
    gettext_noop("queued"),
    gettext_noop("running"),
    gettext_noop("done"),
    # Kinds of credentials
    gettext_noop("API token"),
    gettext_noop("app-specific token"),
    gettext_noop("robot token"),
    gettext_noop("access token"),
    gettext_noop("account API token"),
    gettext_noop("repository API token"),
    gettext_noop("organization API token"),
    gettext_noop("project token"),
    gettext_noop("API key"),
    # What is limited
    gettext_noop("storage"),
    gettext_noop("projects"),
    gettext_noop("robots"),
    gettext_noop("members"),
    gettext_noop("organizations"),
    gettext_noop("projects made by name"),
    gettext_noop("Storage"),
    gettext_noop("Robots"),
    gettext_noop("namespace"),
    gettext_noop("account"),
    gettext_noop("Warning"),
    gettext_noop("Reject"),
    # What a test of another system may be told of, and by which way
    gettext_noop("webhook"),
    gettext_noop("e-mail"),
    gettext_noop("in the console"),
    # What could not come back
    gettext_noop("permission"),
    gettext_noop("default permission"),
    gettext_noop("place in a team"),
    gettext_noop("membership"),
    gettext_noop("invitation"),
    # What a session, a plan or a group is
    gettext_noop("superuser"),
)

# What Django calls fields that have no label of their own; the component of fields tells it.
FIELDS = (
    gettext_noop("Name"),
    gettext_noop("Role"),
    gettext_noop("Confirm"),
    gettext_noop("Description"),
    gettext_noop("Visibility"),
    gettext_noop("Title"),
    gettext_noop("Password"),
    gettext_noop("Team"),
    gettext_noop("Project"),
    gettext_noop("Company"),
    gettext_noop("Location"),
    gettext_noop("Kind"),
    gettext_noop("State"),
    gettext_noop("Group"),
    gettext_noop("Access"),
)


def things(noun: str, number: int) -> str:
    """Return a number of things: 1 robot, 2,178 robots."""
    return THINGS[noun].format(number=number, count=full(number))


def listed(names: Sequence[str], *, at_most: int) -> str:
    """Return names as a list of bounded length: ada, bo and 12 more."""
    shown, more = ", ".join(names[:at_most]), len(names) - at_most
    return _("{names} and {number} more").format(names=shown, number=full(more)) if more > 0 else shown
