"""Issuing, recognizing and ending credentials of every kind."""

from tokens.services.applications import (
    change_application,
    create_application,
    delete_application,
    issue_application_token,
    reset_client_secret,
    revoke_application_token,
)
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
from tokens.services.owned import create_token, revoke_token
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
    "change_application",
    "change_service_key",
    "create_app_token",
    "create_application",
    "create_service_key",
    "create_token",
    "delete_application",
    "delete_service_key",
    "end_all",
    "end_of_namespace",
    "end_of_project",
    "issue",
    "issue_api_token",
    "issue_application_token",
    "own_application",
    "public_pem",
    "read_scopes",
    "register_service_key",
    "reset_client_secret",
    "reveal",
    "revoke",
    "revoke_application_token",
    "revoke_token",
    "rotate_keys",
]
