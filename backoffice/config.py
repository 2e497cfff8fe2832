"""Django's admin with our own site. Apart from apps.py, where Django would find two configurations."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    """Registers ``django.contrib.admin`` and looks for each app's ``admin`` module."""

    default_site = "backoffice.site.BackOffice"
