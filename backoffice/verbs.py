"""What an operator may do: a service, the form it asks for, and the words it is told in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.urls import reverse
from django.utils.html import format_html
from unfold import widgets

from accounts.selectors import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model

    from core.actor import Actor


LABELS = {
    Keeper.MUSTER: "Your password",
    Keeper.DIRECTORY: "Your password of the directory",
    Keeper.PROVIDER: "A code of your app",
}


class VerbForm(forms.Form):
    """What a verb asks for. ``your_password`` is asked for when the sign-in is not fresh any more."""

    PASSWORD = "your_password"  # noqa: S105 - a field's name

    def ask_for_proof(self, keeper: Keeper, here: str) -> None:
        """Add the field by which the operator proves again that it is her, by what she signs in with.

        Whom a provider signs in may go there instead, and comes back to ``here``.
        """
        words = "Your sign-in is some time ago, and this cannot be taken back lightly."
        if keeper is Keeper.PROVIDER:
            again = f"{reverse('console:provider')}?{urlencode({'again': 1, 'next': here})}"
            words = format_html(
                '{} Enter a code of your app, or <a href="{}" class="text-link">sign in again</a>.',
                words,
                again,
            )
        self.fields[self.PASSWORD] = forms.CharField(
            label=LABELS[keeper],
            help_text=words,
            strip=False,
            widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
        )


def _always(row: Any) -> bool:
    return True


def _nothing(row: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Verb:
    """Something that may be done to chosen rows by calling a service once for each.

    ``run(actor, row, data)`` calls the service; ``data`` are the form's clean values. ``fits`` says to which
    rows it applies at all. A ``sensitive`` verb asks for a fresh sign-in, a ``single`` one takes one row at a
    time because its form is about that row.
    """

    name: str
    label: str
    words: str
    done: str
    run: Callable[[Actor, Any, dict[str, Any]], object]
    icon: str = "bolt"
    form: type[VerbForm] = VerbForm
    fits: Callable[[Any], bool] = _always
    initial: Callable[[Any], dict[str, Any]] = field(default=_nothing)
    danger: bool = False
    sensitive: bool = False
    single: bool = False
    of_list: bool = False


def making(
    name: str,
    label: str,
    words: str,
    done: str,
    run: Callable[[Actor, dict[str, Any]], object],
    *,
    form: type[VerbForm],
    sensitive: bool = False,
) -> Verb:
    """Return a verb that makes something new: it stands above the list and takes no rows."""
    return Verb(
        name,
        label,
        words,
        done,
        lambda actor, row, data: run(actor, data),
        icon="add",
        form=form,
        sensitive=sensitive,
        of_list=True,
    )


# Fields in unfold's dress --------------------------------------------------------------------------------


def text(label: str, *, required: bool = True, max_length: int = 255, help_text: str = "") -> forms.CharField:
    """Return a one-line field."""
    return forms.CharField(
        label=label,
        required=required,
        max_length=max_length,
        help_text=help_text,
        widget=widgets.UnfoldAdminTextInputWidget(),
    )


def long_text(
    label: str, *, required: bool = True, max_length: int = 10_000, help_text: str = ""
) -> forms.CharField:
    """Return a field of several lines."""
    return forms.CharField(
        label=label,
        required=required,
        max_length=max_length,
        help_text=help_text,
        widget=widgets.UnfoldAdminTextareaWidget(),
    )


def email(label: str, *, required: bool = False, help_text: str = "") -> forms.EmailField:
    """Return a field for an address."""
    return forms.EmailField(
        label=label,
        required=required,
        max_length=254,
        help_text=help_text,
        widget=widgets.UnfoldAdminEmailInputWidget(),
    )


def new_password(label: str, *, required: bool = True, help_text: str = "") -> forms.CharField:
    """Return a field for somebody's new password."""
    return forms.CharField(
        label=label,
        required=required,
        strip=False,
        help_text=help_text,
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )


def number(label: str, *, required: bool = True, help_text: str = "") -> forms.IntegerField:
    """Return a field for a whole number from 0."""
    return forms.IntegerField(
        label=label,
        required=required,
        min_value=0,
        max_value=2**63 - 1,
        help_text=help_text,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )


def choice(label: str, choices: Iterable[tuple[Any, Any]], *, help_text: str = "") -> forms.ChoiceField:
    """Return a field to pick one of a few."""
    return forms.ChoiceField(
        label=label, choices=list(choices), help_text=help_text, widget=widgets.UnfoldAdminSelectWidget()
    )


def row_of(
    model: type[Model],
    field_name: str,
    label: str,
    *,
    help_text: str = "",
    **living: Any,
) -> forms.ModelChoiceField[Any]:
    """Return a field that finds the target of ``model.field_name`` while one types.

    Only rows that match ``living`` are accepted.
    """
    key = model._meta.get_field(field_name)
    target: Any = key.related_model
    return forms.ModelChoiceField(
        queryset=target._default_manager.filter(**living),
        label=label,
        help_text=help_text,
        widget=AutocompleteSelect(key, admin.site),
    )
