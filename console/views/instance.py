"""The log of the whole instance and exports of it, for superusers and for who reads everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.log_filter import InstanceLogFilter
from console.views import log_views, logs
from permissions.catalogue import INSTANCE_LOG_EXPORT, INSTANCE_READ
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django import forms

    from permissions.catalogue import Right


class OfInstance(log_views.Whose):
    """The log is that of all namespaces, and of what belongs to none."""

    read = INSTANCE_READ
    export = INSTANCE_LOG_EXPORT
    prefix = "instance-"

    def namespace(self, right: Right) -> None:
        """Return no namespace: all of them."""
        require(self.actor, right)


class InstanceLogs(OfInstance, logs.LogPage):
    """What happened anywhere."""

    room = "instance-logs"
    filters = InstanceLogFilter

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return what every log shows; lines lead to those of the same namespace, too."""
        found = super().context(sent)
        for line, _ in found["lines"]:
            if name := line.entry.namespace_name:
                line.only_there = self.here(namespace=name, page="")
        return found


class InstanceExports(OfInstance, logs.Exports):
    """What was exported anywhere."""

    room = "instance-exports"


class InstanceExport(OfInstance, logs.OneExport):
    """One export, whoever asked for it."""

    room = "instance-exports"
