"""How strict the OAuth library is: settings of it that are no switches. docs/adr/0006 tells why."""

from __future__ import annotations

from typing import Any

TOKEN_SECONDS = 315576000  # ten years, as the Quay wire says
CODE_SECONDS = 60
OAUTH2_PROVIDER: dict[str, Any] = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": TOKEN_SECONDS,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": CODE_SECONDS,
    "PKCE_REQUIRED": False,  # every client has a secret; who sends a challenge is held to it
    "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
}
SILENCED_SYSTEM_CHECKS = [
    # What the clients of the Quay wire cannot do without: docs/adr/0006 tells of each.
    "oauth2_provider.W001",  # the implicit grant
    "oauth2_provider.W005",  # answers without ``iss``
    "oauth2_provider.W008",  # applications at http addresses
    "oauth2_provider.W010",  # codes without a challenge
]
