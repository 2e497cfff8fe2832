"""Which work goes by which queue, and what is done again and again."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

from jobs.slots import Every

# A queue for each kind of work, so that none starves another. Sweeps and the heartbeat go by the default one.
ROUTES: dict[str, dict[str, str]] = {
    "notifications.deliver": {"queue": "deliveries"},
    "streams.work": {"queue": "deliveries"},
    "streams.tell_off": {"queue": "mails"},
    "accounts.send_*": {"queue": "mails"},
    "notifications.ask": {"queue": "mails"},
    "notifications.tell_off": {"queue": "mails"},
    "notifications.send_reminders": {"queue": "mails"},
    "logs.build_export": {"queue": "exports"},
    "logs.verify": {"queue": "exports"},
    "runs.work": {"queue": "runs"},
    "logs.keep_up": {"queue": "exports"},
    "logs.roll_up": {"queue": "upkeep"},
    "logs.seal": {"queue": "upkeep"},
    "logs.checkpoint": {"queue": "upkeep"},
    "*.purge*": {"queue": "upkeep"},
    "*.prune": {"queue": "upkeep"},
    "*.forget": {"queue": "upkeep"},
    "trash.*": {"queue": "upkeep"},
    "accounts.sync_team": {"queue": "upkeep"},
    "accounts.refresh_identity": {"queue": "upkeep"},
    "quotas.count_registry": {"queue": "upkeep"},
    "quotas.sample": {"queue": "upkeep"},
    "portal.clear_sessions": {"queue": "upkeep"},
}
# Which processes take from which queues; `manage.py serve` starts one of each.
TAKERS: dict[str, tuple[str, ...]] = {
    "worker": ("default", "deliveries", "mails"),
    "keeper": ("upkeep",),
    "exporter": ("exports", "runs"),
}
# Work that nobody waits for at a screen. A process that takes nothing else has this niceness, so that answers
# of the API on the same host come first: of two that want one core it is given a tenth.
PATIENT = {"exports", "runs"}
NICENESS = 10
# A bell that nobody heard is rung again by the next turn: late ones only pile up.
SCHEDULE: dict[str, dict[str, Any]] = {
    "heartbeat": {"task": "portal.heartbeat", "schedule": Every(15), "options": {"expires": 15}},
    "accounts": {"task": "accounts.sweep", "schedule": Every(60), "options": {"expires": 60}},
    "identities": {"task": "accounts.refresh_identities", "schedule": Every(60), "options": {"expires": 60}},
    "teams": {"task": "accounts.sync_teams", "schedule": Every(60), "options": {"expires": 60}},
    "projects": {"task": "projects.sweep", "schedule": Every(60), "options": {"expires": 60}},
    "quotas": {"task": "quotas.sweep", "schedule": Every(60), "options": {"expires": 60}},
    "usage": {"task": "quotas.sample", "schedule": crontab(minute=41), "options": {"expires": 3600}},
    "logs": {"task": "logs.sweep", "schedule": Every(30), "options": {"expires": 30}},
    "log counts": {"task": "logs.roll_up", "schedule": Every(10), "options": {"expires": 10}},
    "log seals": {"task": "logs.seal", "schedule": Every(10), "options": {"expires": 10}},
    "log checkpoints": {
        "task": "logs.checkpoint",
        "schedule": crontab(minute=7),
        "options": {"expires": 3600},
    },
    "log upkeep": {"task": "logs.keep_up", "schedule": Every(600), "options": {"expires": 600}},
    "notifications": {"task": "notifications.sweep", "schedule": Every(5), "options": {"expires": 5}},
    "reminders": {"task": "notifications.remind", "schedule": Every(600), "options": {"expires": 600}},
    "old notifications": {
        "task": "notifications.prune",
        "schedule": crontab(minute=23),
        "options": {"expires": 3600},
    },
    "runs": {"task": "runs.sweep", "schedule": Every(10), "options": {"expires": 10}},
    "old runs": {"task": "runs.prune", "schedule": crontab(minute=53), "options": {"expires": 3600}},
    "streams": {"task": "streams.work", "schedule": Every(5), "options": {"expires": 5}},
    "old streams": {"task": "streams.prune", "schedule": crontab(minute=37), "options": {"expires": 3600}},
    "trash": {"task": "trash.sweep", "schedule": Every(300), "options": {"expires": 300}},
    "sessions": {
        "task": "portal.clear_sessions",
        "schedule": crontab(hour=3, minute=17),
        "options": {"expires": 3600},
    },
}
