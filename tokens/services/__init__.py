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

__all__ = [
    "authenticate",
    "create_app_token",
    "end_all",
    "end_of_namespace",
    "end_of_project",
    "issue",
    "issue_api_token",
    "own_application",
    "read_scopes",
    "reveal",
    "revoke",
    "rotate_keys",
]
