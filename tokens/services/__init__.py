"""Issuing, recognizing and ending credentials of every kind."""

from tokens.services.credentials import (
    authenticate,
    create_app_token,
    end_all,
    end_of_namespace,
    end_of_project,
    issue,
    issue_api_token,
    own_application,
    read_scopes,
    reveal,
    revoke,
    rotate_keys,
)
from tokens.services.service_keys import (
    approve_service_key,
    change_service_key,
    create_service_key,
    delete_service_key,
    public_pem,
    register_service_key,
)

__all__ = [
    "approve_service_key",
    "authenticate",
    "change_service_key",
    "create_app_token",
    "create_service_key",
    "delete_service_key",
    "end_all",
    "end_of_namespace",
    "end_of_project",
    "issue",
    "issue_api_token",
    "own_application",
    "public_pem",
    "read_scopes",
    "register_service_key",
    "reveal",
    "revoke",
    "rotate_keys",
]
