"""What passwords and e-mail addresses must be like."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.errors import Invalid

PASSWORD_MIN = 8


def check_password_rule(password: str) -> None:
    """Raise Invalid for a password under 8 characters or with white space in it (quay-a.md 3.3)."""
    if len(password) < PASSWORD_MIN or re.search(r"\s", password):
        raise Invalid(
            f"A password has at least {PASSWORD_MIN} characters and no white space", field="password"
        )


def check_email_rule(email: str, *, needed: bool = False) -> str:
    """Return the address trimmed, or raise Invalid. Empty is allowed unless ``needed``."""
    email = email.strip()
    if not email:
        if needed:
            raise Invalid("An e-mail address is required", field="email")
        return ""
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("Invalid e-mail address", field="email") from error
    if not email.isascii():
        # Some letters beyond ASCII are equal to others in one comparison and not in the next: two people
        # must not have what is one address to the database. International domains have an ASCII form.
        raise Invalid("An e-mail address is written in ASCII; write its domain as xn--…", field="email")
    return email
