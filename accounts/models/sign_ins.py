"""Sign-ins that failed, and mailed links that work once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.users import User


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
