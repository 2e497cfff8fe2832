"""The organization as a file: downloaded, compared, applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.room import FormRoom, Room
from core.errors import DomainError, Invalid
from core.words import say, told
from permissions.catalogue import ORGANIZATION_ADMINISTER, ORGANIZATION_CHANGE
from permissions.checks import check
from projects.services import code
from runs import services as runs

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_MAX = 768 * 1024  # of what a page may bring back in a form
SHOWN = 500
SIGNS = {"+": ("add", "good"), "~": ("change", "info"), "-": ("remove", "bad")}
TEXT = forms.Textarea(attrs={"rows": 12, "class": "mono", "spellcheck": "false", "autocomplete": "off"})


class CompareForm(forms.Form):
    """A file, or what stands in one."""

    file = forms.FileField(label=gettext_lazy("A file"), required=False)
    text = forms.CharField(
        label=gettext_lazy("Or its content"),
        required=False,
        strip=False,
        widget=TEXT,
        help_text=gettext_lazy("Sections and lists that it leaves out stay as they are."),
    )
    prune = forms.BooleanField(
        label=gettext_lazy("Prune"),
        required=False,
        help_text=gettext_lazy(
            "Also remove what the lists of the file do not have. Without this, nothing is removed."
        ),
    )

    def clean(self) -> dict[str, Any]:
        """Take the file, or else the text."""
        data = super().clean() or {}
        sent = data.get("file")
        if sent is not None:
            if sent.size > FILE_MAX:
                raise forms.ValidationError(
                    _("The file is larger than {most} KiB: apply it with manage.py apply.").format(
                        most=FILE_MAX // 1024
                    )
                )
            data["raw"] = sent.read()
        else:
            data["raw"] = data.get("text", "").encode()
        if not data["raw"].strip():
            raise forms.ValidationError(_("Choose a file, or paste its content."))
        return data


class ApplyForm(forms.Form):
    """What was compared, and the word that one means it."""

    text = forms.CharField(strip=False, max_length=FILE_MAX, widget=forms.HiddenInput)
    prune = forms.BooleanField(required=False, widget=forms.HiddenInput)
    fingerprint = forms.CharField(max_length=64, widget=forms.HiddenInput)
    key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    confirm = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class Code(FormRoom):
    """Download the organization, compare a file with it, apply the file."""

    room = "code"
    template = "console/code.html"
    dialogs = {"compare": CompareForm, "apply": ApplyForm}
    fresh = frozenset({"apply"})
    asking = frozenset({"compare"})

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Hand over uploaded files; say what is to be typed."""
        if name == "compare":
            return CompareForm(data, self.request.FILES if data is not None else None)
        form = ApplyForm(data)
        form.fields["confirm"].label = _("Type {slug} to confirm").format(slug=self.organization.slug)
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the forms; of a refused wish to apply, what the file would change as things are now."""
        organization = self.enter(ORGANIZATION_ADMINISTER)
        refused = next(iter(sent.values()), None)
        problems = (
            [line for said in refused.non_field_errors() for line in str(said).splitlines()]
            if refused
            else []
        )
        found: dict[str, Any] = {
            "may_apply": check(self.actor, ORGANIZATION_CHANGE, organization),
            "problems": problems,
            "forms": self.all_forms(sent),
        }
        if "apply" in sent:
            text, prune = sent["apply"].data.get("text", ""), sent["apply"].data.get("prune", "") == "True"
            found["forms"]["compare"].initial = {"text": text, "prune": prune}
            found |= self._again(sent["apply"], text, prune=prune)
        return found

    def _again(self, form: forms.Form, text: str, *, prune: bool) -> dict[str, Any]:
        try:
            diff = self._plan(text.encode(), prune=prune)
        except DomainError:
            return {}
        data = self.request.POST.copy()
        data["fingerprint"] = diff.fingerprint
        form.data = data
        form.fields["confirm"].required = bool(diff.removals)
        return _shown(diff)

    def _plan(self, raw: bytes, *, prune: bool) -> code.Diff:
        organization = self.enter(ORGANIZATION_ADMINISTER)
        document = code.read_document(raw)
        return code.plan_document(actor=self.actor, organization=organization, document=document, prune=prune)

    def save_compare(self, data: dict[str, Any]) -> HttpResponse:
        """Show what the file would change."""
        diff = self._plan(data["raw"], prune=data["prune"])
        text = data["raw"].decode("utf-8-sig")
        form = self._form("apply")
        form.initial = {"text": text, "prune": data["prune"], "fingerprint": diff.fingerprint}
        form.initial["key"] = uuid4()
        form.fields["confirm"].required = bool(diff.removals)
        kept = CompareForm(initial={"text": text, "prune": data["prune"]})
        kept.auto_id = "compare_%s"
        context = self.context({}) | _shown(diff)
        return self.page(context | {"forms": {"compare": kept, "apply": form}})

    def save_apply(self, data: dict[str, Any]) -> HttpResponse:
        """Apply it, if the organization is still as it was compared with, and removals were confirmed.

        What was done has a page of its own, among the runs, for others and for later.
        """
        organization = self.enter(ORGANIZATION_CHANGE)
        raw = data["text"].encode()
        diff = self._plan(raw, prune=data["prune"])
        if diff.removals and data["confirm"] != organization.slug:
            raise Invalid(say("Type {slug} to confirm", slug=organization.slug), field="confirm")
        run = runs.apply_code_once(
            actor=self.actor,
            organization=organization,
            document=code.read_document(raw),
            prune=data["prune"],
            expected=data["fingerprint"],
            uuid=data["key"],
        )
        if run is None:
            return self.done(told(code.summary(diff)))
        return redirect("console:run", organization.slug, run.uuid)


class Download(Room):
    """The organization as a YAML file."""

    def get(self, request: HttpRequest, orgname: str) -> HttpResponse:
        """Hand it over."""
        organization = self.enter(ORGANIZATION_ADMINISTER)
        text = code.export_organization(actor=self.actor, organization=organization)
        headers = {"Content-Disposition": f'attachment; filename="{organization.slug}.yaml"'}
        return HttpResponse(text, content_type="application/yaml; charset=utf-8", headers=headers)


def _shown(diff: code.Diff) -> dict[str, Any]:
    """Return the rows of a diff: all that is removed, and the first of what is added and changed."""
    others = [step for step in diff.steps if step.sign != "-"]
    rows = [*diff.removals[: 2 * SHOWN], *others[:SHOWN]]
    return {
        "diff": diff,
        "rows": [(*SIGNS[step.sign], step.title, code.describe(step), step.line) for step in rows],
        "more": len(diff.steps) - len(rows),
        "kept": [code.title_of(key) for key in diff.kept[:SHOWN]],
        "summary": told(code.summary(diff)),
    }
