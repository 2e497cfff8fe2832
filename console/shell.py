"""The frame around every page: where one can go, and where one is. Views hand a Shell to the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.calls import Command


@dataclass(frozen=True)
class Place:
    """An entry of the sidebar; ``post`` makes it a button that posts, as signing out must."""

    label: str
    url: str
    icon: str
    count: int | None = None
    current: bool = False
    post: bool = False


@dataclass(frozen=True)
class Group:
    """A titled part of the sidebar."""

    label: str
    places: Sequence[Place]


@dataclass(frozen=True)
class Choice:
    """An entry of the organization switcher."""

    label: str
    url: str
    current: bool = False


@dataclass(frozen=True)
class Shell:
    """What ``console/shell.html`` needs beside the page itself. An empty address hides its entry.

    ``organization`` is the current one's name; ``organizations`` are those to switch to, the current one
    among them; ``all_organizations_url`` leads to the whole list where the menu is cut short.
    ``is_read_only`` says that the person only audits it, ``is_closed`` that nobody changes anything on this
    instance for now. ``notices`` are those that wait for the person, counted as far as the bell shows.
    ``calls`` do on the wires what the page shows. ``operator`` is who looks
    as the person does.
    """

    nav: Sequence[Group] = ()
    home_url: str = "/"
    organization: str = ""
    is_read_only: bool = False
    is_closed: bool = False
    organizations: Sequence[Choice] = ()
    all_organizations_url: str = ""
    new_organization_url: str = ""
    search_url: str = ""
    search: str = ""
    notices_url: str = ""
    notices: int = 0
    person: str = ""
    person_note: str = ""
    account_url: str = ""
    back_office_url: str = ""
    sign_out_url: str = ""
    calls: Sequence[Command] = ()
    operator: str = ""
    viewing_url: str = ""
