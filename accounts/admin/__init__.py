"""The back office's desks for people, how they sign in elsewhere, tenants, organizations and robots."""

from accounts.admin import identities, organizations, people, robots, security, teams, tenants

__all__ = ["identities", "organizations", "people", "robots", "security", "teams", "tenants"]
