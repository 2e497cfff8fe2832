"""The WSGI application that gunicorn serves. It is not made from settings that the system checks refuse."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_wsgi_application()

from core import bell  # noqa: E402 - needs the settings
from portal.checks import refuse_unsafe_settings  # noqa: E402 - the checks need the apps loaded

refuse_unsafe_settings()
bell.aside()
