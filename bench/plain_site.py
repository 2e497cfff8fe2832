"""The rest of the first reference, and what gunicorn serves: logs, writes, and the other wires."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, time, timedelta
from email.utils import formatdate
from uuid import uuid4

from django.core.wsgi import get_wsgi_application
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Sum
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from bench import plain  # isort: split  # it sets Django up
from bench.issued import issue, reveal
from bench.plain import ByToken, Membership, Organization, Star, Table, Team, View
from core.avatars import avatar
from core.publicids import base58, nid, nid_pk, time_id

DAY = timedelta(days=1)


class LogEntry(Table):
    at = models.DateTimeField()
    kind = models.TextField()
    namespace_id = models.BigIntegerField()
    namespace_name = models.TextField(default="")
    namespace_kind = models.TextField(default="organization")
    project_id = models.BigIntegerField(null=True)
    project_name = models.TextField(default="")
    performer_id = models.BigIntegerField(null=True)
    performer_kind = models.TextField(default="")
    performer_name = models.TextField(default="")
    performer_email = models.TextField(default="")
    credential_name = models.TextField(default="")
    dialect = models.TextField(default="")
    ip = models.GenericIPAddressField(null=True)
    metadata = models.JSONField()

    class Meta(Table.Meta):
        db_table = "logs_logentry"


class LogCount(Table):
    scope = models.BigIntegerField()
    day = models.DateField()
    kind = models.TextField()
    count = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "logs_logcount"


class NewRobot(Table):
    shortname = models.TextField()
    description = models.TextField(default="")
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    namespace_id = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "accounts_robot"


class NewCredential(Table):
    uuid = models.UUIDField(default=uuid4)
    kind = models.TextField()
    title = models.TextField(default="")
    scopes = models.TextField(default="")
    digest = models.BinaryField()
    sealed = models.TextField()
    hint = models.TextField()
    created_at = models.DateTimeField()
    last_used_agent = models.TextField(default="")
    robot_id = models.BigIntegerField(null=True)
    project_id = models.BigIntegerField(null=True)
    revoked_at = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "tokens_credential"


class WholeProject(Table):
    slug = models.TextField()
    name = models.TextField()
    description = models.TextField(default="")
    visibility = models.TextField(default="private")
    state = models.TextField(default="NORMAL")
    icon = models.TextField(default="")
    git_url = models.TextField(default="")
    badge = models.UUIDField(default=uuid4)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    namespace_id = models.BigIntegerField()
    team = models.ForeignKey(Team, models.CASCADE, null=True)
    size_bytes = models.BigIntegerField(default=0)
    connection_status = models.TextField(default="connected")
    default_environment = models.UUIDField(null=True)

    class Meta(Table.Meta):
        db_table = "projects_project"


class NewGrant(Table):
    role = models.TextField()
    created_at = models.DateTimeField()
    project_id = models.BigIntegerField()
    team_id = models.BigIntegerField()
    by_default = models.BooleanField(default=False)

    class Meta(Table.Meta):
        db_table = "permissions_grant"


class WholeOrganization(Table):
    name = models.TextField()
    account_id = models.BigIntegerField()
    namespace_id = models.BigIntegerField()
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    provider = models.TextField()
    provider_organization = models.TextField()

    class Meta(Table.Meta):
        db_table = "accounts_organization"


class NamedTeam(Table):
    name = models.TextField()
    organization_id = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "accounts_team"


# Logs ----------------------------------------------------------------------------------------------------


def window(request):
    start, end = (
        datetime.strptime(request.query_params[name], "%m/%d/%Y").replace(tzinfo=UTC)
        for name in ("starttime", "endtime")
    )
    return start, end + DAY


class EntrySerializer(serializers.ModelSerializer):
    datetime = serializers.SerializerMethodField()
    performer = serializers.SerializerMethodField()

    class Meta:
        model = LogEntry
        fields = ["kind", "metadata", "ip", "datetime", "performer"]

    def get_datetime(self, entry):
        return formatdate(entry.at.timestamp())

    def get_performer(self, entry):
        name, kind = entry.performer_name, entry.performer_kind
        return {
            "kind": "user",
            "name": name,
            "is_robot": kind == "robot",
            "avatar": avatar(name, email=entry.performer_email, kind=kind),
        }


class Logs(View):
    def get(self, request, name):
        found, (start, end) = self.organization(name), window(request)
        rows = list(
            LogEntry.objects.filter(namespace_id=found.namespace_id, at__gte=start, at__lt=end).order_by(
                "-at", "-id"
            )[:21]
        )
        last = rows[19]
        return Response(
            {
                "start_time": formatdate(start.timestamp()),
                "end_time": formatdate(end.timestamp()),
                "logs": EntrySerializer(rows[:20], many=True).data,
                "next_page": f"{last.at.isoformat()} {last.pk}",
            }
        )


class CountSerializer(serializers.Serializer):
    kind = serializers.CharField()
    count = serializers.IntegerField(source="total")
    datetime = serializers.SerializerMethodField()

    def get_datetime(self, row):
        return formatdate(datetime.combine(row["day"], time(), tzinfo=UTC).timestamp())


class Counts(View):
    def get(self, request, name):
        found, (start, end) = self.organization(name), window(request)
        rows = (
            LogCount.objects.filter(scope=found.namespace_id, day__gte=start.date(), day__lt=end.date())
            .values("kind", "day")
            .annotate(total=Sum("count"))
            .order_by("day", "kind")
        )
        return Response({"aggregated": CountSerializer(rows, many=True).data})


# Writes --------------------------------------------------------------------------------------------------


def keep(kind, **owner):
    """Make a token; return it in clear."""
    made = issue()
    NewCredential.objects.create(
        kind=kind, digest=made.digest, sealed=made.sealed, hint=made.secret[:6], created_at=timezone.now(),
        **owner,
    )  # fmt: skip
    return made.secret


class RobotBody(serializers.Serializer):
    description = serializers.CharField(required=False, default="", allow_blank=True)


class OneRobot(View):
    def put(self, request, name, shortname):
        found = self.organization(name)
        body = RobotBody(data=request.data)
        body.is_valid(raise_exception=True)
        description = body.validated_data["description"]
        with transaction.atomic():
            robot = NewRobot.objects.create(
                shortname=shortname,
                description=description,
                created_at=timezone.now(),
                namespace_id=found.namespace_id,
            )
            token = keep("robot", robot_id=robot.pk)
            LogEntry.objects.create(
                at=timezone.now(), kind="create_robot", namespace_id=found.namespace_id, namespace_name=name,
                performer_id=request.user.pk, performer_kind="user", performer_name=request.user.username,
                dialect="quay", ip=request.META["REMOTE_ADDR"],
                metadata={"robot": shortname, "description": description},
            )  # fmt: skip
        shown = {
            "name": f"{found.slug}+{shortname}",
            "created": formatdate(robot.created_at.timestamp()),
            "last_accessed": None,
            "description": description,
            "token": token,
            "unstructured_metadata": None,
        }
        return Response(shown, status=201)


class ByOrganization(ByToken):
    kind, owner = "organization", "organization"


class ProjectBody(serializers.Serializer):
    teamName = serializers.CharField()
    projectName = serializers.CharField()


class ObtainProject(View):
    authentication_classes = [ByOrganization]

    def post(self, request):
        here = request.user
        body = ProjectBody(data=request.data)
        body.is_valid(raise_exception=True)
        name = body.validated_data["projectName"]
        team = NamedTeam.objects.filter(organization_id=here.pk, name=body.validated_data["teamName"]).first()
        if team is None:
            raise NotFound
        mine = WholeProject.objects.filter(namespace_id=here.namespace_id, team_id=team.pk, deleted_at=None)
        found = mine.filter(name=name).first()
        if found is not None:
            kept = NewCredential.objects.filter(
                project_id=found.pk, kind="project", revoked_at=None, disabled_at=None, expires_at=None
            )
            return Response({"projectToken": reveal(kept.order_by("pk")[0].sealed)})
        with transaction.atomic():
            Organization.objects.select_for_update().get(pk=here.pk)
            made = WholeProject.objects.create(
                slug=name.lower().replace(" ", "-"), name=name, created_at=timezone.now(),
                namespace_id=here.namespace_id, team_id=team.pk,
            )  # fmt: skip
            NewGrant.objects.create(
                role="read", created_at=timezone.now(), project_id=made.pk, team_id=team.pk
            )
            token = keep("project", project_id=made.pk)
            LogEntry.objects.create(
                at=timezone.now(), kind="create_repo", namespace_id=here.namespace_id,
                namespace_name=here.slug, project_id=made.pk, project_name=made.slug,
                performer_kind="organization", performer_name=here.slug, dialect="qodana",
                ip=request.META["REMOTE_ADDR"], metadata={"repo": made.slug, "namespace": here.slug},
            )  # fmt: skip
        return Response({"projectToken": token}, status=201)


# The other wires -----------------------------------------------------------------------------------------


class ByAccount(ByToken):
    kind, header = "account", "HTTP_API_TOKEN"


class CodacySerializer(serializers.ModelSerializer):
    repositoryId = serializers.IntegerField(source="pk")
    provider = serializers.SerializerMethodField()
    owner = serializers.SerializerMethodField()
    name = serializers.CharField(source="slug")
    fullPath = serializers.SerializerMethodField()
    visibility = serializers.SerializerMethodField()
    lastUpdated = serializers.SerializerMethodField()
    problems = serializers.ReadOnlyField(default=[])
    languages = serializers.ReadOnlyField(default=[])
    standards = serializers.ReadOnlyField(default=[])
    addedState = serializers.SerializerMethodField()
    permission = serializers.ReadOnlyField(default="admin")

    class Meta:
        model = WholeProject
        fields = [
            "repositoryId", "provider", "owner", "name", "fullPath", "visibility", "lastUpdated", "problems",
            "languages", "standards", "addedState", "permission",
        ]  # fmt: skip

    def get_provider(self, project):
        return self.context["of"].provider

    def get_owner(self, project):
        return self.context["of"].provider_organization

    def get_fullPath(self, project):
        return f"{self.context['of'].provider_organization}/{project.slug}"

    def get_visibility(self, project):
        return project.visibility.capitalize()

    def get_lastUpdated(self, project):
        when = project.created_at
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 10000:02d}Z"

    def get_addedState(self, project):
        return "Following" if project.is_starred else "Added"


class Repositories(View):
    authentication_classes = [ByAccount]

    def get(self, request, provider, name):
        found = WholeOrganization.objects.filter(
            provider=provider, provider_organization=name, deleted_at=None
        ).first()
        mine = Membership.objects.filter(organization_id=found.pk if found else 0, user=request.user)
        if not mine.filter(role__in=["owner", "admin"]).exists():
            raise NotFound
        stars = Star.objects.filter(project=OuterRef("pk"), user=request.user)
        all_of_it = WholeProject.objects.filter(namespace_id=found.namespace_id, deleted_at=None)
        rows = list(all_of_it.annotate(is_starred=Exists(stars)).order_by("slug")[:101])
        cursor = urlsafe_b64encode(rows[99].slug.encode()).rstrip(b"=").decode()
        data = CodacySerializer(rows[:100], many=True, context={"of": found}).data
        pagination = {"limit": 100, "total": all_of_it.count(), "cursor": cursor}
        return Response({"pagination": pagination, "data": data})


class ByKey(ByToken):
    kind, header, owner = "key", "HTTP_X_API_KEY", "organization"


class FlexStackSerializer(serializers.ModelSerializer):
    created_at = serializers.DateTimeField(format="%Y-%m-%dT%H:%M:%SZ")
    default_environment_id = serializers.UUIDField(source="default_environment")
    description = serializers.SerializerMethodField()
    icon = serializers.SerializerMethodField()
    id = serializers.SerializerMethodField()
    org_id = serializers.SerializerMethodField()

    class Meta:
        model = WholeProject
        fields = [
            "connection_status", "created_at", "default_environment_id", "description", "icon", "id", "name",
            "org_id",
        ]  # fmt: skip

    def get_description(self, project):
        return project.description or None

    def get_icon(self, project):
        return project.icon or None

    def get_id(self, project):
        return base58(time_id("project", project.pk, project.created_at))

    def get_org_id(self, project):
        of = self.context["of"]
        return base58(time_id("organization", of.pk, of.created_at))


class FlexStackProjects(View):
    authentication_classes = [ByKey]

    def get(self, request):
        of = WholeOrganization.objects.get(pk=request.user.pk)
        rows = list(
            WholeProject.objects.filter(namespace_id=of.namespace_id, deleted_at=None).order_by(
                "-created_at", "-pk"
            )[:21]
        )
        data = FlexStackSerializer(rows[:20], many=True, context={"of": of}).data
        return Response({"data": data, "has_more": True, "next_page": f"{rows[19].pk}"})


class ByAccess(ByToken):
    kind = "access"


def moment(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class MemberSerializer(serializers.ModelSerializer):
    user_nid = serializers.SerializerMethodField()
    user_name = serializers.SerializerMethodField()
    user_login = serializers.CharField(source="user.username")
    organization_role = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ["user_nid", "user_name", "user_login", "organization_role"]

    def get_user_nid(self, one):
        return nid("usr", one.user_id)

    def get_user_name(self, one):
        return f"{one.user.given_name} {one.user.family_name}".strip() or one.user.username

    def get_organization_role(self, one):
        return "administrator" if one.role in ("owner", "admin") else "member"


class CiSenseOrganization(View):
    authentication_classes = [ByAccess]

    def get(self, request, name):
        found = WholeOrganization.objects.filter(pk=nid_pk("org", name), deleted_at=None).first()
        members = list(
            Membership.objects.filter(organization_id=found.pk if found else 0)
            .select_related("user")
            .order_by("pk")
        )
        if request.user.pk not in {one.user_id for one in members}:
            raise NotFound
        own = nid("org", found.pk)
        return Response(
            {
                "organization": {
                    "organization_nid": own,
                    "nid": own,
                    "organization_name": found.name,
                    "account_nid": nid("acc", found.account_id),
                    "created_at": moment(found.created_at),
                    "organization_members": MemberSerializer(members, many=True).data,
                }
            }
        )


urlpatterns = [
    *plain.urlpatterns,
    path("api/v1/organization/<str:name>/logs", Logs.as_view()),
    path("api/v1/organization/<str:name>/aggregatelogs", Counts.as_view()),
    path("api/v1/organization/<str:name>/robots/<str:shortname>", OneRobot.as_view()),
    path("api/v1/public/organizations/projects", ObtainProject.as_view()),
    path("api/v3/organizations/<str:provider>/<str:name>/repositories", Repositories.as_view()),
    path("v1/projects", FlexStackProjects.as_view()),
    path("v3/organizations/<str:name>", CiSenseOrganization.as_view()),
]
application = get_wsgi_application()
