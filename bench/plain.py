"""The first reference: a bare Django REST framework application, with as few queries as the bodies allow.

Models of the columns that are shown, one authentication class, serializers, the renderer as it comes. It
checks the token, the person and her role, and nothing else that the product does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from email.utils import formatdate

import environ
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF="bench.plain_site",
    INSTALLED_APPS=["rest_framework", "bench"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            **environ.Env.db_url_config(os.environ["DATABASE_URL"]),
            "ENGINE": "django.db.backends.postgresql",
            "OPTIONS": {"pool": {"min_size": 1, "max_size": 8, "timeout": 10}},
        }
    },
    USE_TZ=True,
    TIME_ZONE="UTC",
    LOGGING={
        "version": 1,
        "handlers": {"stderr": {"class": "logging.StreamHandler"}},
        "loggers": {"django.request": {"handlers": ["stderr"], "level": "ERROR"}},
    },
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
)

import django  # noqa: E402

django.setup()

from django.db import models  # noqa: E402
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed, NotFound, PermissionDenied  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from core.avatars import avatar  # noqa: E402 - the same few lines everywhere

PEPPER = os.environ["MUSTER_TOKEN_PEPPER"].encode()


class Table(models.Model):
    class Meta:
        abstract = True
        app_label = "bench"
        managed = False


class User(Table):
    username = models.TextField()
    email = models.TextField()
    password = models.TextField()
    company = models.TextField()
    location = models.TextField()
    given_name = models.TextField()
    family_name = models.TextField()
    is_active = models.BooleanField()
    is_verified = models.BooleanField()
    invoice_email = models.BooleanField()
    invoice_email_address = models.TextField(null=True)
    tag_expiration_s = models.IntegerField()
    namespace_id = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)
    is_authenticated = True

    class Meta(Table.Meta):
        db_table = "accounts_user"


class Credential(Table):
    kind = models.TextField()
    digest = models.BinaryField()
    scopes = models.TextField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    user = models.ForeignKey(User, models.CASCADE, null=True)
    robot = models.ForeignKey("Robot", models.CASCADE, null=True, related_name="credentials")
    organization = models.ForeignKey("Organization", models.CASCADE, null=True)

    class Meta(Table.Meta):
        db_table = "tokens_credential"


class Organization(Table):
    slug = models.TextField()
    email = models.TextField()
    invoice_email = models.BooleanField()
    invoice_email_address = models.TextField(null=True)
    tag_expiration_s = models.IntegerField()
    namespace_id = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)
    is_authenticated = True  # by a token of its own

    class Meta(Table.Meta):
        db_table = "accounts_organization"


class Membership(Table):
    role = models.TextField()
    user = models.ForeignKey(User, models.CASCADE)
    organization = models.ForeignKey(Organization, models.CASCADE)

    class Meta(Table.Meta):
        db_table = "accounts_membership"


class Identity(Table):
    user = models.ForeignKey(User, models.CASCADE)
    service = models.TextField()
    subject = models.TextField()

    class Meta(Table.Meta):
        db_table = "accounts_identity"


class Quota(Table):
    namespace_id = models.BigIntegerField(null=True)
    resource = models.TextField()
    used = models.BigIntegerField()
    limit = models.BigIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "quotas_quota"


class Team(Table):
    slug = models.TextField()
    description = models.TextField()
    role = models.TextField()
    sync_service = models.TextField()
    organization = models.ForeignKey(Organization, models.CASCADE)

    class Meta(Table.Meta):
        db_table = "accounts_team"


class Robot(Table):
    shortname = models.TextField()
    description = models.TextField()
    created_at = models.DateTimeField()
    namespace_id = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "accounts_robot"


class TeamMember(Table):
    team = models.ForeignKey(Team, models.CASCADE, related_name="members")
    robot = models.ForeignKey(Robot, models.CASCADE, null=True, related_name="team_members")

    class Meta(Table.Meta):
        db_table = "accounts_teammember"


class Project(Table):
    slug = models.TextField()
    description = models.TextField()
    visibility = models.TextField()
    state = models.TextField()
    size_bytes = models.BigIntegerField()
    namespace_id = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "projects_project"


class Grant(Table):
    project = models.ForeignKey(Project, models.CASCADE, related_name="grants")
    robot = models.ForeignKey(Robot, models.CASCADE, null=True, related_name="grants")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="grants")

    class Meta(Table.Meta):
        db_table = "permissions_grant"


class Star(Table):
    project = models.ForeignKey(Project, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)

    class Meta(Table.Meta):
        db_table = "projects_star"


class ByToken(BaseAuthentication):
    kind, header, owner = "oauth", "HTTP_AUTHORIZATION", "user"

    def authenticate(self, request):
        secret = request.META.get(self.header, "").rpartition(" ")[2]
        digest = hmac.new(PEPPER, secret.encode(), hashlib.sha256).digest()
        found = Credential.objects.select_related(self.owner).filter(digest=digest, kind=self.kind)
        credential = found.first()
        living = credential and credential.revoked_at is None and credential.disabled_at is None
        owner = getattr(credential, self.owner) if living else None
        if owner is None or owner.deleted_at is not None:
            raise AuthenticationFailed
        if self.owner == "user" and not owner.is_active:
            raise AuthenticationFailed
        return owner, credential


class View(APIView):
    authentication_classes = [ByToken]
    permission_classes = [IsAuthenticated]

    def organization(self, name):
        found = Organization.objects.filter(slug=name, deleted_at=None).first()
        if found is None:
            raise NotFound
        role = (
            Membership.objects.filter(organization=found, user=self.request.user).values_list("role").first()
        )
        if role is None or role[0] not in ("owner", "admin"):
            raise PermissionDenied
        return found


def report(namespace_id):
    quota = Quota.objects.filter(namespace_id=namespace_id, resource="bytes").first()
    status = "complete" if quota and quota.counted_at else "waiting"
    return {
        "quotas": [],
        "quota_report": {
            "quota_bytes": quota.used if quota else 0,
            "configured_quota": quota.limit if quota else None,
            "running_backfill": status,
            "backfill_status": status,
        },
    }


class LoginSerializer(serializers.ModelSerializer):
    service_identifier = serializers.CharField(source="subject")
    metadata = serializers.SerializerMethodField()

    class Meta:
        model = Identity
        fields = ["service", "service_identifier", "metadata"]

    def get_metadata(self, one):
        return {}


class MembershipSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="organization.slug")
    avatar = serializers.SerializerMethodField()
    can_create_repo = serializers.SerializerMethodField()
    public = serializers.BooleanField(default=False)
    is_org_admin = serializers.SerializerMethodField()
    preferred_namespace = serializers.BooleanField(default=False)

    class Meta:
        model = Membership
        fields = ["name", "avatar", "can_create_repo", "public", "is_org_admin", "preferred_namespace"]

    def get_avatar(self, one):
        return avatar(one.organization.slug, email=one.organization.email, kind="org")

    def get_can_create_repo(self, one):
        return one.role in ("owner", "admin", "creator")

    def get_is_org_admin(self, one):
        return one.role in ("owner", "admin")


class UserSerializer(serializers.ModelSerializer):
    anonymous = serializers.BooleanField(default=False)
    avatar = serializers.SerializerMethodField()
    can_create_repo = serializers.BooleanField(default=True)
    is_me = serializers.BooleanField(default=True)
    verified = serializers.BooleanField(source="is_verified")
    logins = serializers.SerializerMethodField()
    preferred_namespace = serializers.BooleanField(default=False)
    prompts = serializers.SerializerMethodField()
    company = serializers.SerializerMethodField()
    family_name = serializers.SerializerMethodField()
    given_name = serializers.SerializerMethodField()
    location = serializers.SerializerMethodField()
    is_free_account = serializers.BooleanField(default=True)
    has_password_set = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = [
            "anonymous", "username", "avatar", "can_create_repo", "is_me", "verified", "email", "logins",
            "invoice_email", "invoice_email_address", "preferred_namespace", "tag_expiration_s", "prompts",
            "company", "family_name", "given_name", "location", "is_free_account", "has_password_set",
        ]  # fmt: skip

    def get_avatar(self, user):
        return avatar(user.username, email=user.email)

    def get_logins(self, user):
        return LoginSerializer(Identity.objects.filter(user=user), many=True).data

    def get_prompts(self, user):
        return []

    def get_company(self, user):
        return user.company or None

    def get_family_name(self, user):
        return user.family_name or None

    def get_given_name(self, user):
        return user.given_name or None

    def get_location(self, user):
        return user.location or None

    def get_has_password_set(self, user):
        return bool(user.password) and not user.password.startswith("!")


class OwnUser(View):
    def get(self, request):
        user = request.user
        memberships = (
            Membership.objects.filter(user=user, organization__deleted_at=None)
            .select_related("organization")
            .order_by("organization__slug")
        )
        body = UserSerializer(user).data | report(user.namespace_id)
        return Response(body | {"organizations": MembershipSerializer(memberships, many=True).data})


class TeamSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="slug")
    can_view = serializers.BooleanField(default=True)
    avatar = serializers.SerializerMethodField()
    repo_count = serializers.IntegerField()
    member_count = serializers.IntegerField()
    is_synced = serializers.BooleanField(source="sync_service")

    class Meta:
        model = Team
        fields = [
            "name", "description", "can_view", "role", "avatar", "repo_count", "member_count", "is_synced"
        ]  # fmt: skip

    def get_avatar(self, team):
        return avatar(team.slug, kind="team")


class OneOrganization(View):
    def get(self, request, name):
        found = self.organization(name)
        teams = Team.objects.filter(organization=found).order_by("pk").annotate(
            member_count=Count("members", distinct=True),
            repo_count=Count("grants", filter=Q(grants__project__deleted_at=None), distinct=True),
        )  # fmt: skip
        shown = TeamSerializer(teams, many=True).data
        return Response(
            {
                "name": found.slug,
                "email": found.email,
                "avatar": avatar(found.slug, email=found.email, kind="user"),
                "is_admin": True,
                "is_member": True,
                "teams": {team["name"]: team for team in shown},
                "ordered_teams": [team["name"] for team in shown],
                "invoice_email": found.invoice_email,
                "invoice_email_address": found.invoice_email_address,
                "tag_expiration_s": found.tag_expiration_s,
                "is_free_account": True,
                **report(found.namespace_id),
            }
        )


class RobotSerializer(serializers.ModelSerializer):
    name = serializers.SerializerMethodField()
    created = serializers.SerializerMethodField()
    last_accessed = serializers.SerializerMethodField()
    teams = serializers.SerializerMethodField()
    repositories = serializers.SerializerMethodField()

    class Meta:
        model = Robot
        fields = ["name", "created", "last_accessed", "description", "teams", "repositories"]

    def get_name(self, robot):
        return f"{self.context['organization'].slug}+{robot.shortname}"

    def get_created(self, robot):
        return formatdate(robot.created_at.timestamp())

    def get_last_accessed(self, robot):
        return formatdate(robot.used_at.timestamp()) if robot.used_at else None

    def get_teams(self, robot):
        slugs = [member.team.slug for member in robot.team_members.all()]
        return [{"name": slug, "avatar": avatar(slug, kind="team")} for slug in slugs]

    def get_repositories(self, robot):
        return [grant.project.slug for grant in robot.grants.all()]


class Robots(View):
    def get(self, request, name):
        found = self.organization(name)
        living = Credential.objects.filter(robot=OuterRef("pk"), kind="robot", revoked_at=None)
        robots = (
            Robot.objects.filter(namespace_id=found.namespace_id)
            .annotate(used_at=Subquery(living.order_by("-pk").values("last_used_at")[:1]))
            .order_by(F("used_at").desc(nulls_last=True), "shortname")
            .prefetch_related(
                Prefetch("team_members", TeamMember.objects.select_related("team").order_by("team_id")),
                Prefetch(
                    "grants",
                    Grant.objects.filter(project__deleted_at=None)
                    .select_related("project")
                    .order_by("project__slug"),
                ),
            )
        )
        context = {"organization": found}
        return Response({"robots": RobotSerializer(robots, many=True, context=context).data})


class ProjectSerializer(serializers.ModelSerializer):
    namespace = serializers.SerializerMethodField()
    name = serializers.CharField(source="slug")
    is_public = serializers.SerializerMethodField()
    kind = serializers.CharField(default="image")
    is_starred = serializers.BooleanField()
    quota_report = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = [
            "namespace", "name", "description", "is_public", "kind", "state", "is_starred", "quota_report"
        ]  # fmt: skip

    def get_namespace(self, project):
        return self.context["organization"].slug

    def get_is_public(self, project):
        return project.visibility == "public"

    def get_quota_report(self, project):
        return {"quota_bytes": project.size_bytes, "configured_quota": self.context["configured"]}


class Projects(View):
    def get(self, request):
        found = self.organization(request.query_params["namespace"])
        configured = report(found.namespace_id)["quota_report"]["configured_quota"]
        stars = Star.objects.filter(project=OuterRef("pk"), user=request.user)
        rows = list(
            Project.objects.filter(namespace_id=found.namespace_id, deleted_at=None)
            .annotate(is_starred=Exists(stars))
            .order_by("pk")[:101]
        )
        context = {"organization": found, "configured": configured}
        shown = ProjectSerializer(rows[:100], many=True, context=context).data
        return Response({"repositories": shown, "next_page": str(rows[99].pk)})


urlpatterns = [
    path("api/v1/user/", OwnUser.as_view()),
    path("api/v1/organization/<str:name>", OneOrganization.as_view()),
    path("api/v1/organization/<str:name>/robots", Robots.as_view()),
    path("api/v1/repository", Projects.as_view()),
]
