import json
from datetime import timedelta

import pytest
import time_machine

from core.errors import Conflict, Forbidden, Invalid, Unauthenticated
from logs import selectors, services
from logs.exports import queue
from logs.models import LogEntry, LogExport
from tests import make
from tests.logs import written
from tests.logs.conftest import NOBODY
from tests.logs.written import END, START, WEEK

pytestmark = pytest.mark.django_db


def last(kind):
    return LogEntry.objects.filter(kind=kind).order_by("-id").first()


@time_machine.travel("2025-03-10 12:00:00Z", tick=False)
def test_a_request_is_a_row_an_entry_and_a_bell(
    acme, owner, bells, django_capture_on_commit_callbacks, settings
):
    settings.EGRESS_ALLOW = ["127.0.0.1:9"]
    before = written.entries(acme, 3)[-1]
    with django_capture_on_commit_callbacks(execute=True):
        export = services.request_export(
            actor=owner,
            namespace=acme.namespace,
            callback_url="http://127.0.0.1:9/x",
            callback_email="ops@example.test",
            filters={"kinds": ["create_robot"], "search": ""},
            **WEEK,
        )
    export = LogExport.objects.get(pk=export.pk)
    assert export.status == "queued"
    assert (export.namespace, export.namespace_name, export.project_name) == (acme.namespace, "acme", "")
    assert (export.requested_by, export.requested_by_name) == (owner.user, "owner")
    assert (export.starts_at, export.ends_at) == (START, END)
    assert export.filters == {"kinds": ["create_robot"]}
    assert export.last_id == before.pk
    entry = last("export_logs_success")
    assert (entry.namespace, entry.project, entry.performer) == (acme.namespace, None, owner.user)
    assert entry.metadata == {
        "date/time": 1741608000,
        "export_id": str(export.uuid),
        "message": f"Export {export.uuid} is queued",
        "url": "http://127.0.0.1:9/x",
        "email": "ops@example.test",
    }
    assert bells == [("logs.build_export", export.pk)]


def test_a_projects_export_is_told_on_the_namespace(acme, owner):
    project = make.project(acme)
    export = services.request_export(actor=owner, project=project, **WEEK)
    assert (export.namespace, export.project, export.project_name) == (acme.namespace, project, "web")
    entry = last("export_logs_success")
    assert (entry.namespace, entry.project) == (acme.namespace, None)
    assert entry.metadata["repo"] == "web"
    assert (entry.metadata["url"], entry.metadata["email"]) == (None, None)


def test_superusers_export_the_whole_instance(acme, owner, superuser, settings):
    export = services.request_export(actor=superuser, **WEEK)
    assert (export.namespace, export.namespace_name) == (None, "")
    assert last("export_logs_success").namespace is None
    settings.READONLY_SUPERUSERS = {"watcher"}
    for actor in (owner, make.actor(make.user("watcher")), make.actor(superuser.user, "org:admin")):
        with pytest.raises(Forbidden):
            services.request_export(actor=actor, **WEEK)


def test_who_may_export(acme, owner):
    project = make.project(acme)
    member, writer = make.user("member"), make.user("writer")
    make.member(make.team(acme), member)
    make.grant(project, "write", user=writer)
    for actor in (make.actor(member), make.actor(writer), make.actor(owner.user, "repo:admin")):
        with pytest.raises(Forbidden):
            services.request_export(actor=actor, namespace=acme.namespace, **WEEK)
    with pytest.raises(Forbidden):
        services.request_export(actor=make.actor(writer), project=project, **WEEK)
    with pytest.raises(Unauthenticated):
        services.request_export(actor=NOBODY, namespace=acme.namespace, **WEEK)
    services.request_export(actor=make.actor(owner.user, "repo:admin"), project=project, **WEEK)
    services.request_export(actor=make.actor(member, "user:admin"), namespace=member.namespace, **WEEK)
    assert LogExport.objects.count() == 2


REFUSED = [
    ({"starts_at": END, "ends_at": START}, "endtime"),
    ({"callback_url": "ftp://example.com/x"}, "callback_url"),
    ({"callback_url": "http://user:secret@example.com/x"}, "callback_url"),
    ({"callback_url": "http:///x"}, "callback_url"),
    ({"callback_url": "http://127.0.0.1/x"}, "callback_url"),
    ({"callback_url": "http://10.1.2.3/x"}, "callback_url"),
    ({"callback_url": "http://169.254.169.254/latest"}, "callback_url"),
    ({"callback_url": "http://localhost/x"}, "callback_url"),
    ({"callback_url": "http://printer.local/x"}, "callback_url"),
    ({"callback_url": "http://db.internal/x"}, "callback_url"),
    ({"callback_url": "nonsense"}, "callback_url"),
    ({"callback_email": "nobody"}, "callback_email"),
    ({"callback_email": "@"}, "callback_email"),
    ({"callback_email": "a@b.test, c@d.test"}, "callback_email"),
    ({"callback_email": "a@b.test\nBcc: c@d.test"}, "callback_email"),
    ({"callback_email": "<a@b.test>"}, "callback_email"),
    ({"callback_email": "a@" + "b" * 253}, "callback_email"),
    ({"filters": {"password": "x"}}, "filters"),
]


@pytest.mark.parametrize(("given", "field"), REFUSED)
def test_bad_input_leaves_nothing_behind(acme, owner, given, field):
    entries = LogEntry.objects.count()
    with pytest.raises(Invalid) as refused:
        services.request_export(actor=owner, namespace=acme.namespace, **{**WEEK, **given})
    assert refused.value.field == field
    assert not LogExport.objects.exists()
    assert LogEntry.objects.count() == entries


@time_machine.travel("2025-03-10 12:00:00Z", tick=False)
def test_a_refused_request_is_recorded_by_the_door(acme, owner):
    services.record_refused_export(
        actor=owner,
        namespace=acme.namespace,
        project="no/such",
        error="Invalid callback e-mail address",
        callback_email="nobody",
    )
    entry = last("export_logs_failure")
    assert (entry.namespace, entry.project, entry.performer_name) == (acme.namespace, None, "owner")
    assert entry.metadata == {
        "date/time": 1741608000,
        "error": "Invalid callback e-mail address",
        "url": None,
        "email": "nobody",
        "repo": "no/such",
    }


# Taking back


def test_a_queued_export_is_cancelled(acme, owner, bells, django_capture_on_commit_callbacks):
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    with pytest.raises(Forbidden):
        services.cancel_export(actor=make.actor(make.user("stranger")), export=export)
    with django_capture_on_commit_callbacks(execute=True):
        services.cancel_export(actor=owner, export=export)
    assert LogExport.objects.get().status == "cancelled"
    assert last("export_logs_cancel").metadata == {"export_id": str(export.uuid)}
    assert bells == [("logs.build_export", export.pk)]
    queue.work(export.pk)
    export.refresh_from_db()
    assert (export.status, export.due_at, export.attempts) == ("cancelled", None, 0)
    with pytest.raises(Conflict):
        services.cancel_export(actor=owner, export=export)


@pytest.mark.parametrize("status", ["failed", "done"])
def test_what_is_over_cannot_be_cancelled(acme, owner, status):
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    LogExport.objects.update(status=status, storage_name="")
    with pytest.raises(Conflict):
        services.cancel_export(actor=owner, export=export)
    assert last("export_logs_cancel") is None


def test_filters_narrow_an_export_as_they_narrow_the_list(acme, owner, settings):
    settings.EXPORTS_AT_ONCE_OF_NAMESPACE = 10
    written.entries(acme, 3)
    written.entries(acme, 2, performer_name="bo", step=timedelta(hours=1))
    export = services.request_export(
        actor=owner, namespace=acme.namespace, filters={"performer": "bo", "search": "numb"}, **WEEK
    )
    from logs.exports.file import rows_of

    listed = selectors.entries(actor=owner, namespace=acme.namespace, performer="bo", search="numb", **WEEK)
    assert set(rows_of(export)) == set(listed)
    assert len(listed) == 2
    assert json.dumps(export.filters)
    narrow = {"about": "web", "credential": "deploy", "door": "quay", "ip": "10.9.9.9"}
    written.entries(acme, 1, project_name="web", credential_name="deploy", dialect="quay", ip="10.9.9.9")
    export = services.request_export(actor=owner, namespace=acme.namespace, filters=narrow, **WEEK)
    assert len(list(rows_of(export))) == 1
    for field in narrow:
        other = services.request_export(
            actor=owner, namespace=acme.namespace, filters=narrow | {field: "1.2.3.4"}, **WEEK
        )
        assert not list(rows_of(other))
