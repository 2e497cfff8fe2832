"""Everything that changes projects, who may do what in them, and stars."""

from projects.services.by_name import obtain_project, project_token
from projects.services.content import change_content, change_proxy_cache
from projects.services.default_grants import (
    change_default_grant,
    create_default_grant,
    delete_default_grant,
)
from projects.services.grants import revoke_grant, set_grant
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
from projects.services.usage import report_usage

__all__ = [
    "change_content",
    "change_default_grant",
    "change_project",
    "change_proxy_cache",
    "change_settings",
    "create_default_grant",
    "create_project",
    "delete_default_grant",
    "delete_project",
    "obtain_project",
    "project_token",
    "report_usage",
    "revoke_grant",
    "set_description",
    "set_grant",
    "set_state",
    "set_visibility",
    "star_project",
    "unstar_project",
]
