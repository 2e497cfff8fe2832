"""Everything that changes projects, who may do what in them, and stars."""

from projects.services.by_name import obtain_project, obtain_token, project_token
from projects.services.collaborators import add_collaborators, change_collaborator, remove_collaborator
from projects.services.connection import connect_project, disconnect_project
from projects.services.content import change_content, change_proxy_cache
from projects.services.default_grants import (
    change_default_grant,
    create_default_grant,
    delete_default_grant,
)
from projects.services.grants import give_up_grant, revoke_grant, set_grant
from projects.services.named import create_named_project, replace_project
from projects.services.projects import (
    change_project,
    change_settings,
    create_project,
    delete_project,
    set_description,
    set_state,
    set_visibility,
)
from projects.services.stars import star_project, unstar_project
from projects.services.trash import restore_project
from projects.services.usage import report_usage

__all__ = [
    "add_collaborators",
    "change_collaborator",
    "change_content",
    "change_default_grant",
    "change_project",
    "change_proxy_cache",
    "change_settings",
    "connect_project",
    "create_default_grant",
    "create_named_project",
    "create_project",
    "delete_default_grant",
    "delete_project",
    "disconnect_project",
    "give_up_grant",
    "obtain_project",
    "obtain_token",
    "project_token",
    "remove_collaborator",
    "replace_project",
    "report_usage",
    "restore_project",
    "revoke_grant",
    "set_description",
    "set_grant",
    "set_state",
    "set_visibility",
    "star_project",
    "unstar_project",
]
