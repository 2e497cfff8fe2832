"""Every page of the console by its name, so that what is held of all of them holds of a new one too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

if TYPE_CHECKING:
    from collections.abc import Mapping

# Not pages that can be visited as they are: they answer no GET, send elsewhere, are files, belong to one
# step of signing in, or need a link that was mailed.
ELSEWHERE = frozenset(
    {
        "address-confirmed",
        "code-file",
        "exported-logs",
        "exported-manifest",
        "homepage",
        "invited",
        "join",
        "language",
        "project-homepage",
        "provider",
        "provider-back",
        "recover",
        "setup",
        "sign-in-passkey",
        "sign-in-second",
        "sign-out",
        "verify",
        "viewing",
    }
)
# Only where mail, or a directory, is set up; a part that dialogs ask for; and a run of somebody's own, whose
# page is that of an organization's.
NEEDING = frozenset({"forgot", "group", "my-run", "suggest"})
# For these nobody is signed in.
SIGNED_OUT = frozenset({"sign-in", "forgot"})


def places(known: Mapping[str, Any], **others: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of each page by its name; ``known`` is what addresses are made of.

    ``others`` has what one page alone means by it: ``export={"uuid": …}``.

    Raises:
        KeyError: an address is made of something that is not known.
    """
    from console.urls import urlpatterns  # only now: names are read without a set-up Django, too

    found = {}
    for pattern in urlpatterns:
        if pattern.name in ELSEWHERE or pattern.name is None:
            continue
        values = {**known, **others.get(pattern.name.replace("-", "_"), {})}
        wanted = pattern.pattern.converters
        found[pattern.name] = reverse(
            f"console:{pattern.name}", kwargs={name: values[name] for name in wanted}
        )
    return found
