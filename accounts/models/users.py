"""People."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models.namespaces import Namespace
from core.names import NAME_MAX, fold


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
