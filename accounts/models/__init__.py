"""Namespaces, people, tenants, organizations, teams and robots."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import BaseUserManager
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Upper
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models.security import AuthenticatorApp as AuthenticatorApp
from accounts.models.security import BrowserSession as BrowserSession
from accounts.models.security import Passkey as Passkey
from accounts.models.security import RecoveryCode as RecoveryCode
from accounts.models.security import SecurityMail as SecurityMail
from core.names import NAME_MAX, fold, namespace_rule
from permissions.catalogue import OrganizationRole


class Namespace(models.Model):
    """A globally unique name, owned by one user or one organization.

    Names are equal when their ``key`` (NFKC + casefold) is. A dead namespace keeps its row as a tombstone:
    its name may be taken again, by a new row that inherits nothing.
    """

    class Kind(models.TextChoices):
        USER = "user"
        ORGANIZATION = "organization"

    name = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    key = models.CharField(max_length=NAME_MAX, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(deleted_at=None), name="namespace_name_taken_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["user", "organization"]), name="namespace_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def account_id(self) -> int | None:
        """The group account that the namespace counts against as well; None for a person's."""
        return self.organization.account_id if self.kind == self.Kind.ORGANIZATION else None


class UserManager(BaseUserManager["User"]):
    """Finds people by name; they are made by `accounts.services` alone."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the living user of that name."""
        return self.get(username=username, deleted_at=None)

    def by_login(self, typed: str) -> User | None:
        """Return the living user of that name or, if it looks like one, that e-mail address."""
        named = Q(username=fold(typed))
        if "@" in typed:
            named |= Q(email__iexact=typed.strip())
        return self.select_related("namespace").filter(named, deleted_at=None).first()


class User(AbstractBaseUser):
    """A person. Her ``username`` is her namespace's name; a deleted one is renamed out of the way."""

    namespace = models.OneToOneField(Namespace, models.PROTECT, related_name="user")
    username = models.CharField(max_length=NAME_MAX, unique=True)
    email = models.EmailField(blank=True, max_length=254)
    name = models.CharField(max_length=255, blank=True)
    given_name = models.CharField(max_length=255, blank=True)
    family_name = models.CharField(max_length=255, blank=True)
    company = models.CharField(max_length=255, blank=True)
    location = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField("enabled", default=True)
    is_superuser = models.BooleanField("superuser", default=False)
    is_verified = models.BooleanField("e-mail verified", default=True)
    invoice_email = models.BooleanField(default=False)
    invoice_email_address = models.EmailField(null=True, blank=True)  # noqa: DJ001 - the wire tells null from ""
    tag_expiration_s = models.PositiveIntegerField(default=1209600)
    # Empty: as the browser asks. What is offered is the settings' to say, so no choices are written here.
    language = models.CharField(max_length=16, blank=True)
    # The mails she does not want, by `notifications.wishes.WISHES`; all else is mailed.
    unwanted_mails = models.JSONField(default=list, blank=True, editable=False)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    seen_at = models.DateTimeField("last seen in the browser", null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"), condition=Q(deleted_at=None) & ~Q(email=""), name="user_email_taken_once"
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_staff(self) -> bool:
        """Tell whether the back office opens; superusers only."""
        from permissions.checks import may_open_back_office

        return may_open_back_office(self)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Answer Django's admin: superusers may view all, and change what an admin screen lets them."""
        from permissions.checks import may_change_in_back_office

        return self.is_staff and (".view_" in perm or may_change_in_back_office(self))

    def has_module_perms(self, app_label: str) -> bool:
        """Answer Django's admin."""
        return self.is_staff

    def get_session_auth_hash(self) -> str:
        """Bind sessions to the password and to ``session_epoch``: raising it ends them all."""
        return salted_hmac(
            "accounts.User.session", f"{self.password}{self.session_epoch}", algorithm="sha256"
        ).hexdigest()


class Account(models.Model):
    """The tenant: ``personal`` (one per user) or ``group`` (has administrators, holds organizations)."""

    class Kind(models.TextChoices):
        PERSONAL = "personal"
        GROUP = "group"

    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=255)
    user = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="personal_account")
    administrators: models.ManyToManyField[User, AccountAdministrator] = models.ManyToManyField(
        User, through="AccountAdministrator", related_name="administered_accounts"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="personal", user__isnull=False) | Q(kind="group", user__isnull=True),
                name="account_personal_has_user",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountAdministrator(models.Model):
    """A person who administers a group account. There is always at least one."""

    account = models.ForeignKey(Account, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="account_administrator_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} administers {self.account}"


class Organization(models.Model):
    """A namespace inside a group account: members, teams, settings, profile."""

    class Provider(models.TextChoices):
        NONE = "", "none"
        GITHUB = "gh", "GitHub"
        GITHUB_ENTERPRISE = "ghe", "GitHub Enterprise"
        GITLAB = "gl", "GitLab"
        GITLAB_ENTERPRISE = "gle", "GitLab Enterprise"
        BITBUCKET = "bb", "Bitbucket"
        BITBUCKET_SERVER = "bbe", "Bitbucket Server"

    class LicencePlan(models.TextChoices):
        """What the organization is licensed for, in the words of qodana.md 2."""

        COMMUNITY = "COMMUNITY", "Community"
        ULTIMATE = "ULTIMATE", "Ultimate"
        ULTIMATE_PLUS = "ULTIMATE_PLUS", "Ultimate Plus"
        TRIAL_ULTIMATE = "TRIAL_ULTIMATE", "Ultimate, trial"
        TRIAL_ULTIMATE_PLUS = "TRIAL_ULTIMATE_PLUS", "Ultimate Plus, trial"
        PREMIUM = "PREMIUM", "Premium"
        PREMIUM_LITE = "PREMIUM_LITE", "Premium Lite"

    namespace = models.OneToOneField(Namespace, models.PROTECT, related_name="organization")
    account = models.ForeignKey(Account, models.PROTECT, related_name="organizations")
    slug = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    name = models.CharField("name as typed", max_length=255)
    description = models.TextField(blank=True)
    email = models.EmailField(blank=True, max_length=254)
    url = models.URLField(blank=True)
    location = models.CharField(max_length=255, blank=True)
    invoice_email = models.BooleanField(default=False)
    invoice_email_address = models.EmailField(null=True, blank=True)  # noqa: DJ001 - the wire tells null from ""
    tag_expiration_s = models.PositiveIntegerField(default=1209600)
    provider = models.CharField(max_length=3, choices=Provider, blank=True, default=Provider.NONE)
    provider_organization = models.CharField(max_length=255, blank=True)
    token_max_days = models.PositiveIntegerField(
        "tokens live at most, in days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    log_retention_days = models.PositiveIntegerField(
        "the log is kept for, in days",
        null=True,
        blank=True,
        validators=[MinValueValidator(30), MaxValueValidator(3650)],
    )
    requires_second_factor = models.BooleanField(
        "people need a second factor", default=False, db_default=False
    )
    licence_plan = models.CharField(
        max_length=19, choices=LicencePlan, default=LicencePlan.ULTIMATE_PLUS, db_default="ULTIMATE_PLUS"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "provider_organization"],
                condition=Q(deleted_at=None) & ~Q(provider="") & ~Q(provider_organization=""),
                name="provider_organization_linked_once",
            ),
        ]
        indexes = [models.Index(F("provider"), Upper("provider_organization"), name="organization_by_link")]

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    """A person in an organization, with her direct role.

    Everybody in the organization has exactly one row. ``is_direct`` is false for those who are here by their
    teams alone: the row goes when the last team is left.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=7, choices=OrganizationRole)
    is_direct = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=Q(is_direct=True) | Q(role="member"), name="membership_by_team_is_member"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "admin", "creator", "member", "auditor"]),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.organization}"


class Team(models.Model):
    """A named group in an organization with an organization-wide role; may mirror a directory's group."""

    class Role(models.TextChoices):
        ADMIN = "admin"
        CREATOR = "creator"
        MEMBER = "member"

    class Sync(models.TextChoices):
        NONE = "", "not synchronized"
        LDAP = "ldap", "LDAP"
        OIDC = "oidc", "OpenID Connect"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    slug = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    name = models.CharField("name as typed", max_length=255)
    description = models.TextField(blank=True)
    role = models.CharField(max_length=7, choices=Role)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    previous_names = models.JSONField(default=list, blank=True)
    sync_service = models.CharField(max_length=4, choices=Sync, blank=True, default=Sync.NONE)
    sync_config = models.JSONField(default=dict, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Claimed by moving ``sync_tried_at``; a doubt is an answer that would leave nobody, seen once so far.
    sync_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_doubted_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_problem = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="team_slug_taken_once"),
            models.UniqueConstraint(fields=["organization", "name"], name="team_name_taken_once"),
            models.CheckConstraint(
                condition=Q(role__in=["admin", "creator", "member"]), name="team_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Robot(models.Model):
    """A service account of a namespace, addressed as ``namespace+shortname``."""

    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="robots")
    shortname = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    description = models.CharField(max_length=255, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "shortname"], name="robot_shortname_taken_once"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """The name every wire shows. Needs ``namespace`` loaded."""
        return f"{self.namespace.name}+{self.shortname}"


class RobotFederation(models.Model):
    """An identity of a trusted issuer that may act as a robot."""

    robot = models.ForeignKey(Robot, models.CASCADE, related_name="federations")
    issuer = models.URLField()
    subject = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["robot", "issuer", "subject"], name="robot_federation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class TeamMember(models.Model):
    """A person or a robot in a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="team_members")
    robot = models.ForeignKey(Robot, models.CASCADE, null=True, blank=True, related_name="team_members")
    is_maintainer = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, robot__isnull=True)
                | Q(user__isnull=True, robot__isnull=False),
                name="team_member_is_user_or_robot",
            ),
            models.UniqueConstraint(
                fields=["team", "user"], condition=Q(user__isnull=False), name="team_user_once"
            ),
            models.UniqueConstraint(
                fields=["team", "robot"], condition=Q(robot__isnull=False), name="team_robot_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.robot} in {self.team}"


def invitation_code() -> str:
    """Return a new unguessable code, in the form that the Quay wire's links carry (quay-a.md 8)."""
    return f"urn:teaminvite:{uuid.uuid4()}"


class Invitation(models.Model):
    """An offer to join an organization, and a team of it, to a known person or to an e-mail address."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="invitations")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="invitations")
    email = models.EmailField(blank=True, max_length=254)
    role = models.CharField(max_length=7, choices=OrganizationRole, default=OrganizationRole.MEMBER)
    code = models.CharField(max_length=64, unique=True, default=invitation_code, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    mail_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    mail_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="invitation_mail_due"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(Q(user__isnull=False) & Q(email="")) | (Q(user__isnull=True) & ~Q(email="")),
                name="invitation_is_for_user_or_email",
            ),
            models.UniqueConstraint(
                F("organization"),
                F("team"),
                F("user"),
                condition=Q(user__isnull=False),
                name="invitation_user_once",
            ),
            models.UniqueConstraint(
                F("organization"),
                F("team"),
                Lower("email"),
                condition=~Q(email=""),
                name="invitation_email_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.email} to {self.organization}"


class Identity(models.Model):
    """A person as an outside directory or identity provider knows her, by a name that it never gives twice.

    ``issuer`` is an OpenID Connect issuer's address, and empty for the one LDAP directory. ``login`` is the
    name she signs in by there; ``place`` the digest of her entry's distinguished name.
    """

    class Service(models.TextChoices):
        LDAP = "ldap", "LDAP"
        OIDC = "oidc", "OpenID Connect"

    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    service = models.CharField(max_length=4, choices=Service)
    issuer = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=255)
    login = models.CharField(max_length=255, blank=True)
    place = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    refresh_sealed = models.TextField(blank=True, editable=False)
    groups_at = models.DateTimeField("groups read", null=True, blank=True, editable=False)
    tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    unanswered = models.BooleanField(default=False, editable=False)
    gave_superuser = models.BooleanField("made her a superuser", default=False, editable=False)
    used_at = models.DateTimeField("last sign-in", null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["service", "issuer", "subject"], name="identity_linked_once"),
            models.UniqueConstraint(fields=["user", "service", "issuer"], name="identity_one_of_a_service"),
        ]

    def __str__(self) -> str:
        return f"{self.login or self.subject} ({self.service})"


class IdentityGroup(models.Model):
    """A group that an identity provider said a person is in, when her groups were read last."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="groups")
    name = models.CharField(max_length=255, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identity", "name"], name="identity_group_once"),
        ]

    def __str__(self) -> str:
        return self.name


class FailedSignIn(models.Model):
    """A sign-in that failed lately: what slows down guessing, in every process and without Redis.

    ``name`` is what was typed with a wrong password; ``user`` whose second factor was guessed at.
    """

    name = models.CharField(max_length=255, blank=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="failed_sign_ins")
    ip = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["ip", "at"], name="failed_sign_in_by_ip"),
            models.Index(fields=["name", "at"], name="failed_sign_in_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.name} from {self.ip}"


class MailedLink(models.Model):
    """A wish for a mail with a link that works once; the row is the queue, and tells how often it was wished.

    What somebody typed who has forgotten her password is kept as ``typed``: only the worker looks whom it
    means, so that nobody learns from the answer who is here. The worker makes the link's code, too, and keeps
    nothing but its digest. ``email`` is the address that the link proves.
    """

    class Purpose(models.TextChoices):
        RECOVERY = "recovery", "a new password"
        VERIFICATION = "verification", "proof of an e-mail address"
        # Its code is the invitation's own, and so is the queue: the row only tells what was mailed to whom.
        INVITATION = "invitation", "an invitation"

    purpose = models.CharField(max_length=12, choices=Purpose)
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="mailed_links")
    typed = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=254, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    digest = models.BinaryField(max_length=32, null=True, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["ip", "created_at"], name="mailed_link_by_ip"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="mailed_link_due"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.user or self.typed}"
