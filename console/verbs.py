"""What is done to many things at once: on buttons, as what is done, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Verb:
    """Something that is done to rows: on a button, as what is done, and what it means.

    ``wish`` is for verbs whose label does not stand before the things. What ``is_final`` is begun by nobody
    who has not typed whose things they are, and signed in lately.
    """

    label: StrOrPromise
    done: StrOrPromise
    words: StrOrPromise
    danger: bool = False
    wish: StrOrPromise = ""
    is_final: bool = False

    def of(self, things: str) -> str:
        """Return what is asked for: Disable 6 robots."""
        return str(self.wish or _("{verb} {things}")).format(verb=self.label, things=things)


DELETE = gettext_lazy("Delete {things}")

# By the sort of things and the verb: together they name the action of a run.
VERBS: dict[str, dict[str, Verb]] = {
    "member": {
        "remove": Verb(
            gettext_lazy("Remove"),
            gettext_lazy("removed"),
            gettext_lazy("They leave the organization, its teams and projects at once."),
            danger=True,
        ),
    },
    "invitation": {
        "renew": Verb(
            gettext_lazy("Send again"),
            gettext_lazy("sent again"),
            gettext_lazy("Each gets a new link, for another 30 days. The older links are dead."),
            wish=gettext_lazy("Send {things} again"),
        ),
        "withdraw": Verb(
            gettext_lazy("Withdraw"),
            gettext_lazy("withdrawn"),
            gettext_lazy("Their links are dead at once. Whoever is still wanted must be invited anew."),
            danger=True,
        ),
    },
    "team": {
        "sync": Verb(
            gettext_lazy("Compare"),
            gettext_lazy("to be compared"),
            gettext_lazy("A worker compares them with their groups at once, ahead of their turn."),
        ),
        "delete": Verb(
            gettext_lazy("Delete"),
            gettext_lazy("deleted"),
            gettext_lazy("What they were granted ends, and whoever is here by them alone leaves."),
            True,
            DELETE,
        ),
    },
    "robot": {
        "disable": Verb(
            gettext_lazy("Disable"),
            gettext_lazy("disabled"),
            gettext_lazy("Their tokens are refused until they are enabled again."),
        ),
        "enable": Verb(
            gettext_lazy("Enable"), gettext_lazy("enabled"), gettext_lazy("Their tokens work again.")
        ),
        "delete": Verb(
            gettext_lazy("Delete"),
            gettext_lazy("deleted"),
            gettext_lazy("Their tokens and their access go with them, at once."),
            True,
            DELETE,
        ),
    },
    "credential": {
        "disable": Verb(
            gettext_lazy("Disable"),
            gettext_lazy("disabled"),
            gettext_lazy("They are refused at once, and can be enabled again."),
        ),
        "enable": Verb(
            gettext_lazy("Enable"),
            gettext_lazy("enabled"),
            gettext_lazy("They work again, as they did before."),
        ),
        "revoke": Verb(
            gettext_lazy("Revoke"),
            gettext_lazy("revoked"),
            gettext_lazy("They stop working for good. Disable them first to see what breaks."),
            True,
        ),
    },
    "project": {
        "private": Verb(
            gettext_lazy("Make private"),
            gettext_lazy("private"),
            gettext_lazy("Only who is granted access sees them then."),
        ),
        "lock": Verb(
            gettext_lazy("Make read-only"),
            gettext_lazy("read-only"),
            gettext_lazy("Nobody pushes to them any more."),
        ),
        "unlock": Verb(
            gettext_lazy("Make normal"), gettext_lazy("normal"), gettext_lazy("They can be pushed to again.")
        ),
        "delete": Verb(
            gettext_lazy("Delete"),
            gettext_lazy("deleted"),
            gettext_lazy("They go with their grants, tokens and subscriptions."),
            True,
            DELETE,
        ),
    },
    "code": {
        "apply": Verb(
            gettext_lazy("Apply"),
            gettext_lazy("applied"),
            gettext_lazy("All or nothing, each change as if done by hand."),
        ),
    },
    "thing": {
        "restore": Verb(
            gettext_lazy("Restore"),
            gettext_lazy("restored"),
            gettext_lazy("They come back as they were, but for their tokens, which stay dead."),
            wish=gettext_lazy("Restore {things}"),
        ),
        "purge": Verb(
            gettext_lazy("Delete for good"),
            gettext_lazy("deleted for good"),
            gettext_lazy("Nobody can bring them back then."),
            True,
            gettext_lazy("Delete {things} for good"),
            is_final=True,
        ),
    },
}
