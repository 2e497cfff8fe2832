"""Tenants: accounts, and who administers them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.users import User


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
