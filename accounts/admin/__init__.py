"""The back office's desks for people, tenants, organizations and robots."""

from accounts.admin import organizations, people, robots, teams, tenants

__all__ = ["organizations", "people", "robots", "teams", "tenants"]
