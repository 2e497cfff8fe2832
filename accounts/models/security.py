"""What proves beside the password who somebody is, and the mails that tell her when it changes."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class AuthenticatorApp(models.Model):
    """A person's authenticator app: the secret it shares with us, sealed.

    ``last_step`` is the half minute (seconds since 1970 / 30) whose code was taken last: only later ones are.
    """

    user = models.OneToOneField("accounts.User", models.CASCADE, related_name="authenticator_app")
    secret_sealed = models.TextField(editable=False)
    last_step = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"Authenticator app of {self.user}"


class RecoveryCode(models.Model):
    """A code for the day on which app and passkeys are lost; kept as digest, good for one sign-in."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"Recovery code of {self.user}"


class Passkey(models.Model):
    """A passkey of a person: the public half of a key that her device or her password manager keeps.

    It is good at ``host`` alone. ``sign_count`` is the key's own counter when it was used last, which never
    goes back; keys that do not count say 0. ``is_verifying`` keys ask for a finger or a PIN.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=64)
    host = models.CharField(max_length=255, editable=False)
    credential_id = models.BinaryField(max_length=1023, unique=True, editable=False)
    credential = models.BinaryField(editable=False)
    sign_count = models.BigIntegerField(default=0, editable=False)
    is_verifying = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class BrowserSession(models.Model):
    """Where a person is, or was, signed in by a browser: beside Django's row of the session, which says less.

    ``auth_hash`` is what the session was bound to: once her password or epoch is another, it is dead.
    ``source`` is the address to count by, known to be hers while the row is there.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="browser_sessions")
    session_key = models.CharField(max_length=40, unique=True, editable=False)
    auth_hash = models.CharField(max_length=64, editable=False)
    ip = models.GenericIPAddressField(null=True, blank=True)
    source = models.GenericIPAddressField(null=True, blank=True, editable=False)
    browser = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField("last active", default=timezone.now, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["seen_at"], name="browser_session_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.user} by {self.browser}"


class SecurityMail(models.Model):
    """A mail that tells a person what was done to her account's safety; the row is the queue."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="security_mails")
    email = models.EmailField(max_length=254)
    event = models.CharField(max_length=32)
    detail = models.CharField(max_length=255, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    browser = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="security_mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.email}"
