"""How gunicorn serves Muster: read by ``gunicorn -c python:portal.gunicorn portal.wsgi``."""

import signal
from datetime import timedelta
from typing import Any

from django.conf import settings
from gunicorn.glogging import Logger

from portal.connections import close_databases
from portal.tether import tie

bind = [f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"]
worker_class = "gthread"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
preload_app = True  # loaded once, shared by all workers: they start faster and take less memory
timeout = 60
graceful_timeout = 20
keepalive = 5
forwarded_allow_ips = ",".join(settings.TRUSTED_PROXIES)
# A signed link must not end up in a log: the path without the query, and no referrer.
accesslog = "-"
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)sB %(M)sms'
errorlog = "-"
# In one form with all other lines.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": settings.LOGGING["formatters"],
    "handlers": settings.LOGGING["handlers"],
    "root": settings.LOGGING["root"],
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": True},
    },
}
control_socket_disable = True


class AccessLog(Logger):  # type: ignore[misc]  # gunicorn tells no types
    """Gunicorn's log, which gathers for a line what the line has, not every header there and back."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """Return what ``access_log_format`` names."""
        del req
        return {
            "h": environ.get("REMOTE_ADDR", "-"),
            "m": environ.get("REQUEST_METHOD"),
            "U": environ.get("PATH_INFO"),
            "s": resp.status.split(None, 1)[0] if isinstance(resp.status, str) else resp.status,
            "B": resp.sent,
            "M": request_time // timedelta(milliseconds=1),
        }


logger_class = AccessLog


def post_fork(server: Any, worker: Any) -> None:
    """End with the master, even if it is killed."""
    tie(server.pid, signal.SIGKILL)
    del worker


def pre_fork(server: Any, worker: Any) -> None:
    """Share no connection between processes: what was opened while loading is closed first."""
    close_databases()
    del server, worker
