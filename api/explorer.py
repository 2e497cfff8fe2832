"""The page on which people read the Quay wire's description and try its operations."""

from __future__ import annotations

from django.views.generic import TemplateView


class Explorer(TemplateView):
    """Swagger UI, served from here: the browser asks nobody else."""

    template_name = "api/explorer.html"
