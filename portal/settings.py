"""Everything that can be set, read from the environment once. docs/settings.md names each switch."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from backoffice.look import UNFOLD as UNFOLD
from portal import keys, oauth, work

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


# Which files secrets were read from: the system checks look at who else may read them.
SECRET_FILES: dict[str, Path] = {}


def _text(name: str, default: str = "") -> str:
    """Return a setting from ``NAME``, or from the file that ``NAME_FILE`` points to."""
    path = env.str(f"{name}_FILE", default="")
    if not path:
        return str(env.str(name, default=default))
    SECRET_FILES[f"{name}_FILE"] = Path(path)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{name}_FILE: {path} cannot be read: {error.strerror}"
        raise ImproperlyConfigured(message) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_url(host: str, port: int) -> str:
    """Return where a browser on this machine finds the server that listens on ``host``."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


# Where it runs -------------------------------------------------------------------------------------------
PRODUCTION = env.bool("MUSTER_PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
DATA = Path(env.str("MUSTER_DATA", default=str(BASE_DIR / "var"))).resolve()
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
PUBLIC_URL = env.str("MUSTER_URL", default=_own_url(HOST, PORT)).rstrip("/")
INSECURE_HTTP = env.bool("MUSTER_INSECURE_HTTP", default=False)
WEB_WORKERS = env.int("MUSTER_WEB_WORKERS", default=2)
WEB_THREADS = env.int("MUSTER_WEB_THREADS", default=4)
WORKER_THREADS = env.int("MUSTER_WORKER_THREADS", default=4)
WORKER_LOOK_SECONDS = env.float("MUSTER_WORKER_LOOK_SECONDS", default=15.0)
KEEPER_THREADS = env.int("MUSTER_KEEPER_THREADS", default=2)
EXPORTER_THREADS = env.int("MUSTER_EXPORTER_THREADS", default=2)
DEMO = env.bool("DEMO", default=not PRODUCTION)
READ_ONLY = env.bool("MUSTER_READ_ONLY", default=False)

_public = urlsplit(PUBLIC_URL)
_hosts = env.list("MUSTER_HOSTS", default=[])
if not (_hosts or PRODUCTION or _is_loopback(HOST) or env.str("MUSTER_URL", default="")):
    # Trying it out on a network, nobody has said yet by which name it is called; production must say.
    _hosts = ["*"]
ALLOWED_HOSTS = [
    *_hosts,
    "localhost",
    "127.0.0.1",
    "[::1]",
    *([_public.hostname] if _public.hostname else []),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if _public.scheme == "https" else []
TRUSTED_PROXIES = env.list("MUSTER_TRUSTED_PROXIES", default=[])
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Keys: from the environment or a file; the embedded default makes its own below DATA ----------------------
KEY_DIR = DATA / "keys"
SECRET_KEY = _text("SECRET_KEY") or keys.own(KEY_DIR, "secret_key", production=PRODUCTION)
# Newest first: the first seals, every one opens. `manage.py rotate_keys` seals again with the first.
ENCRYPTION_KEYS = (
    _text("MUSTER_ENCRYPTION_KEYS") or keys.own(KEY_DIR, "encryption_keys", production=PRODUCTION)
).split(",")
TOKEN_PEPPER = _text("MUSTER_TOKEN_PEPPER") or keys.own(KEY_DIR, "token_pepper", production=PRODUCTION)

# What it is made of --------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "backoffice",
    "backoffice.config.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "heroicons",
    "csp",
    "rest_framework",
    "django_filters",
    "oauth2_provider",
    "core",
    "accounts",
    "projects",
    "permissions",
    "tokens",
    "quotas",
    "logs",
    "notifications",
    "trash",
    "jobs",
    "runs",
    "streams",
    "api",
    "console",
    "portal",
]
MIDDLEWARE = [
    "portal.health.answer_probes",
    "portal.middleware.request_context",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.Language",
    "portal.middleware.activity",
    "portal.middleware.viewing",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False  # a redirect would lose the body of a PUT; each dialect serves both spellings itself
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Database ------------------------------------------------------------------------------------------------
_database_url = _text("DATABASE_URL")
EMBEDDED = not _database_url
DATABASES = {"default": environ.Env.db_url_config(_database_url or f"sqlite:///{DATA / 'muster.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Without these, concurrent read-then-write transactions fail with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }
else:
    DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
    DATABASES["default"].setdefault("OPTIONS", {})
    # What is asked often is planned once a connection; a pooler in between must let that through.
    if env.bool("MUSTER_DATABASE_PREPARE", default=True):
        DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": env.int("MUSTER_DATABASE_POOL", default=8),
        "timeout": 10,
    }

# Redis: broker and shared cache; the process manager starts an embedded one when no URL is given ----------
REDIS_URL = _text("REDIS_URL")
EMBEDDED_SOCKET = keys.socket_path(DATA)
_cache_url = REDIS_URL or f"unix://{EMBEDDED_SOCKET}"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _cache_url,
        "KEY_PREFIX": env.str("MUSTER_REDIS_PREFIX", default="muster"),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

# Work for later ------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{EMBEDDED_SOCKET}"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "global_keyprefix": env.str("MUSTER_REDIS_PREFIX", default="muster") + ":",
    "visibility_timeout": 3600,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage of the broker
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False  # a request never waits for the broker; the sweeper rings again
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ROUTES = work.ROUTES
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BEAT_SCHEDULE = work.SCHEDULE
CELERY_BEAT_SCHEDULER = "jobs.beat:Scheduler"

# People --------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "console:sign-in"
LOGIN_REDIRECT_URL = "console:home"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# New passwords; accounts.services.rules looks at them, also for Django's list of common ones.
PASSWORD_MIN = env.int("MUSTER_PASSWORD_MIN", default=8)
BREACHED_PASSWORDS = env.str("MUSTER_BREACHED_PASSWORDS", default="")
SUPERUSERS = frozenset(name.casefold() for name in env.list("MUSTER_SUPERUSERS", default=[]))
SUPERUSERS_FULL_ACCESS = env.bool("MUSTER_SUPERUSERS_FULL_ACCESS", default=False)
READONLY_SUPERUSERS = frozenset(
    name.casefold() for name in env.list("MUSTER_READONLY_SUPERUSERS", default=[])
)
# Lets superusers read settings, chosen so that no secret is among them, by the Quay wire.
SUPERUSER_CONFIGDUMP = env.bool("MUSTER_SUPERUSER_CONFIGDUMP", default=False)
SHOWN_ENVIRONMENT = {
    name: env.ENVIRON[name]
    for name in (
        "HOST",
        "PORT",
        "MUSTER_URL",
        "MUSTER_HOSTS",
        "MUSTER_PRODUCTION",
        "MUSTER_READ_ONLY",
        "MUSTER_WEB_WORKERS",
        "MUSTER_WEB_THREADS",
        "MUSTER_WORKER_THREADS",
        "MUSTER_KEEPER_THREADS",
        "MUSTER_MAILING",
        "MUSTER_LOG_LEVEL",
    )
    if name in env.ENVIRON
}
USER_CREATION = env.bool("MUSTER_USER_CREATION", default=False)
# Where mails are sent: an administrator's invitation to an address lets one person make an account.
INVITED_USER_CREATION = env.bool("MUSTER_INVITED_USER_CREATION", default=True)
USER_INITIALIZE = env.bool("MUSTER_USER_INITIALIZE", default=EMBEDDED)
ANONYMOUS_ACCESS = env.bool("MUSTER_ANONYMOUS_ACCESS", default=True)
BROWSER_CALLS_XHR_ONLY = env.bool("MUSTER_BROWSER_CALLS_XHR_ONLY", default=True)
QUOTA_MANAGEMENT = env.bool("MUSTER_QUOTA_MANAGEMENT", default=True)
DEFAULT_QUOTA_BYTES = env.int("MUSTER_DEFAULT_QUOTA_BYTES", default=0)  # 0: none
# Where mails are sent: who signs up, or changes her address, proves by a mailed link that it is hers.
VERIFY_EMAIL = env.bool("MUSTER_VERIFY_EMAIL", default=True)
RECOVERY_LINK_SECONDS = env.int("MUSTER_RECOVERY_LINK_SECONDS", default=1800)
VERIFICATION_LINK_SECONDS = env.int("MUSTER_VERIFICATION_LINK_SECONDS", default=86400)
# Calls of one address within five minutes on the Codacy wire; 0 for no limit.
CODACY_CALLS = env.int("MUSTER_CODACY_CALLS", default=2500)
# Calls of one API key, or of one person, within a minute on the FlexStack wire; 0 for no limit.
FLEXSTACK_CALLS = env.int("MUSTER_FLEXSTACK_CALLS", default=600)
PUBLIC_API = env.bool("MUSTER_PUBLIC_API", default=True)
PROJECTS_BY_NAME = env.int("MUSTER_PROJECTS_BY_NAME", default=5000)
REQUIRE_TEAM_INVITE = env.bool("MUSTER_REQUIRE_TEAM_INVITE", default=True)
FRESH_LOGIN_SECONDS = env.int("MUSTER_FRESH_LOGIN_SECONDS", default=600)
TAG_EXPIRATION_OPTIONS = [0, 86400, 604800, 1209600, 2419200]

# Signing in by a directory or an identity provider -------------------------------------------------------
AUTHENTICATION = env.str("MUSTER_AUTHENTICATION", default="Database")  # or LDAP, or OIDC
TEAM_SYNCING = env.bool("MUSTER_TEAM_SYNCING", default=False)
TEAM_SYNCING_BY_ADMINS = env.bool("MUSTER_TEAM_SYNCING_BY_ADMINS", default=False)
TEAM_SYNC_SECONDS = env.int("MUSTER_TEAM_SYNC_SECONDS", default=1800)
LDAP_URL = env.str("MUSTER_LDAP_URL", default="")
LDAP_START_TLS = env.bool("MUSTER_LDAP_START_TLS", default=False)
LDAP_CA = env.str("MUSTER_LDAP_CA", default="")
LDAP_BIND_DN = env.str("MUSTER_LDAP_BIND_DN", default="")
LDAP_BIND_PASSWORD = _text("MUSTER_LDAP_BIND_PASSWORD")
LDAP_BASE_DN = env.str("MUSTER_LDAP_BASE_DN", default="")
LDAP_USER_DN = env.str("MUSTER_LDAP_USER_DN", default="")
LDAP_USER_FILTER = env.str("MUSTER_LDAP_USER_FILTER", default="(objectClass=inetOrgPerson)")
LDAP_SUBJECT = env.str("MUSTER_LDAP_SUBJECT", default="entryUUID")
LDAP_LOGIN = env.str("MUSTER_LDAP_LOGIN", default="uid")
LDAP_MAIL = env.str("MUSTER_LDAP_MAIL", default="mail")
LDAP_GROUP_MEMBERS = env.list("MUSTER_LDAP_GROUP_MEMBERS", default=["member", "uniqueMember"])
LDAP_SECONDS = env.int("MUSTER_LDAP_SECONDS", default=10)
OIDC_ISSUER = env.str("MUSTER_OIDC_ISSUER", default="")
OIDC_NAME = env.str("MUSTER_OIDC_NAME", default="")
OIDC_CLIENT_ID = env.str("MUSTER_OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = _text("MUSTER_OIDC_CLIENT_SECRET")
OIDC_SCOPES = env.list("MUSTER_OIDC_SCOPES", default=["openid", "profile", "email"])
OIDC_REQUIRE_AUTH_TIME = env.bool("MUSTER_OIDC_REQUIRE_AUTH_TIME", default=True)
OIDC_LOGIN_CLAIM = env.str("MUSTER_OIDC_LOGIN_CLAIM", default="preferred_username")
OIDC_GROUPS_CLAIM = env.str("MUSTER_OIDC_GROUPS_CLAIM", default="groups")
OIDC_SUPERUSER_GROUP = env.str("MUSTER_OIDC_SUPERUSER_GROUP", default="")
OIDC_GROUPS_SECONDS = env.int("MUSTER_OIDC_GROUPS_SECONDS", default=86400)
OIDC_AUDIENCES = env.list("MUSTER_OIDC_AUDIENCES", default=[])

# Sessions: one cookie for the console and the Quay wire, under the name that wire's clients know ----------
SESSION_COOKIE_NAME = "_csrf_token"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _public.scheme == "https"
SESSION_COOKIE_AGE = 31 * 24 * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_USE_SESSIONS = True
CSRF_HEADER_NAME = "HTTP_X_CSRF_TOKEN"
CSRF_FAILURE_VIEW = "console.views.errors.csrf_failure"

# Browser protection --------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if _public.scheme == "https" else 0
SECURE_SSL_REDIRECT = False  # the load balancer's business, see docs/deploy.md
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "img-src": [SELF, "data:"],
    }
}
# unfold draws with Alpine: without these two every overlay stands open. Only below /admin/.
ADMIN_CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": CONTENT_SECURITY_POLICY["DIRECTIVES"]
    | {"script-src": [SELF, "'unsafe-eval'"], "style-src": [SELF, "'unsafe-inline'"]}
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# Log exports ---------------------------------------------------------------------------------------------
EXPORT_LINK_SECONDS = env.int("MUSTER_EXPORT_LINK_SECONDS", default=3600)
EXPORT_ATTEMPTS = 3
LOG_RETENTION_DAYS = env.int("MUSTER_LOG_RETENTION_DAYS", default=0)
# A part of the file is that many entries, or ends with those that fill so many bytes.
EXPORT_PART_ROWS = env.int("MUSTER_EXPORT_PART_ROWS", default=50_000)
EXPORT_PART_BYTES = 32 * 1024 * 1024
EXPORTS_AT_ONCE = env.int("MUSTER_EXPORTS_AT_ONCE", default=50)
EXPORTS_AT_ONCE_OF_NAMESPACE = env.int("MUSTER_EXPORTS_AT_ONCE_OF_NAMESPACE", default=5)
EXPORT_LEASE_SECONDS = env.int("MUSTER_EXPORT_LEASE_SECONDS", default=60)

# Static files --------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # every page asks for those; the others would only be compressed too
STORAGES = {
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA / "media"},
    },
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA / "exports", "file_permissions_mode": 0o600},
    },
}
S3_BUCKET = env.str("MUSTER_S3_BUCKET", default="")
if S3_BUCKET:
    from boto3.s3.transfer import TransferConfig

    STORAGES["exports"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.str("MUSTER_S3_ENDPOINT", default="") or None,
            "region_name": env.str("MUSTER_S3_REGION", default="") or None,
            "access_key": _text("MUSTER_S3_ACCESS_KEY") or None,
            "secret_key": _text("MUSTER_S3_SECRET_KEY") or None,
            "default_acl": None,
            "file_overwrite": True,
            "querystring_expire": EXPORT_LINK_SECONDS,
            # Part by part: ten threads with eight megabytes each would be most of a worker's memory.
            "transfer_config": TransferConfig(use_threads=False, multipart_chunksize=5 * 1024 * 1024),
        },
    }

# Mail: SMTP by EMAIL_URL; without one every mail is a file below DATA, shown on the operator's screen -----
_email_url = _text("EMAIL_URL")
if _email_url:
    vars().update(environ.Env.email_url_config(_email_url))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA / "mail"
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.str("MUSTER_MAIL_FROM", default=f"Muster <muster@{_public.hostname or 'localhost'}>")
MAIL_BOUNCES = env.str("MUSTER_MAIL_BOUNCES", default="")
MAILS_PER_HOUR = env.int("MUSTER_MAILS_PER_HOUR", default=60)
MAILING = env.bool("MUSTER_MAILING", default=bool(_email_url))

# OAuth: its rows are those of `tokens`, the library has no tables: docs/adr/0006 ----------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "tokens.Application"
OAUTH2_PROVIDER_GRANT_MODEL = "tokens.AuthorizationCode"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "tokens.Credential"  # noqa: S105 - the name of a model
# What is never issued needs a model all the same, so that no table is made for it.
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL
OAUTH2_PROVIDER_ID_TOKEN_MODEL = OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = OAUTH2_PROVIDER_GRANT_MODEL
MIGRATION_MODULES = {"oauth2_provider": None}
OAUTH_TOKEN_SECONDS, OAUTH_CODE_SECONDS = oauth.TOKEN_SECONDS, oauth.CODE_SECONDS
OAUTH2_PROVIDER, SILENCED_SYSTEM_CHECKS = oauth.OAUTH2_PROVIDER, oauth.SILENCED_SYSTEM_CHECKS
ASSIGN_OAUTH_TOKENS = env.bool("MUSTER_ASSIGN_OAUTH_TOKENS", default=True)
APP_TOKEN_SECONDS = env.int(
    "MUSTER_APP_TOKEN_SECONDS", default=0
)  # that app-specific tokens live; 0: for ever

# Streams of the usage log --------------------------------------------------------------------------------
# One that fails for so long is switched off.
STREAM_FAILING_HOURS = env.int("MUSTER_STREAM_FAILING_HOURS", default=72)
STREAMS_PER_ORGANIZATION = env.int("MUSTER_STREAMS_PER_ORGANIZATION", default=5)
# Where streams to files may write; without it there are none.
STREAM_DIRECTORY = env.str("MUSTER_STREAM_DIRECTORY", default="")
# A batch is that many entries, or ends before those that fill so many bytes.
STREAM_BATCH_ROWS = env.int("MUSTER_STREAM_BATCH_ROWS", default=500)
STREAM_BATCH_BYTES = 512 * 1024
# After so long a batch whose worker died is taken by another.
STREAM_LEASE_SECONDS = env.int("MUSTER_STREAM_LEASE_SECONDS", default=60)

# Whom signed checkpoints of the log's chains are told to, beside the file ----------------------------------
CHECKPOINT_MAILS = env.list("MUSTER_CHECKPOINT_MAILS", default=[])
CHECKPOINT_URL = _text("MUSTER_CHECKPOINT_URL")
# Newest first: the webhook is signed with every one, so that its receiver may change from one to the next.
CHECKPOINT_SECRETS = [one.strip() for one in _text("MUSTER_CHECKPOINT_SECRET").split(",") if one.strip()]

# Outgoing calls ------------------------------------------------------------------------------------------
# Intranet targets that callbacks and webhooks may reach: host names, addresses or networks.
EGRESS_ALLOW = env.list("MUSTER_EGRESS_ALLOW", default=[])
EGRESS_PORTS = [int(port) for port in env.list("MUSTER_EGRESS_PORTS", default=["80", "443", "8080", "8443"])]
# At which collectors of logs take syslog over TLS.
EGRESS_SYSLOG_PORTS = [int(port) for port in env.list("MUSTER_EGRESS_SYSLOG_PORTS", default=["6514"])]

# Notifications -------------------------------------------------------------------------------------------
# After so many failures in a row a subscription is switched off (quay-b.md 4.3).
NOTIFICATION_FAILURES = env.int("MUSTER_NOTIFICATION_FAILURES", default=3)
NOTIFICATION_SECONDS = env.float("MUSTER_NOTIFICATION_SECONDS", default=10)  # for a whole call; 15 at most
NOTIFICATION_LEASE_SECONDS = env.int("MUSTER_NOTIFICATION_LEASE_SECONDS", default=60)
NOTIFICATION_DAYS = env.int("MUSTER_NOTIFICATION_DAYS", default=30)  # that finished deliveries are kept
# The app of the operator's by which integrations of the FlexStack wire post to Slack; none without a token.
SLACK_TOKEN = _text("MUSTER_SLACK_TOKEN")
SLACK_API = env.str("MUSTER_SLACK_API", default="https://slack.com/api").rstrip("/")
NOTICE_DAYS = env.int("MUSTER_NOTICE_DAYS", default=90)  # that what people are told in the console is kept

# Trash ---------------------------------------------------------------------------------------------------
# Days for which deleted projects, teams, robots and organizations can be restored; 0: deleted at once.
TRASH_DAYS = env.int("MUSTER_TRASH_DAYS", default=30)

# Language and time ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# Texts of Python, and those of templates: docs/console.md, "Languages".
LOCALE_PATHS = [BASE_DIR / "portal" / "locale", BASE_DIR / "templates" / "locale"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _public.scheme == "https"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["portal.formats"]

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["api.rendering.Renderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}

LOG_LEVEL = env.str("MUSTER_LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("MUSTER_LOG_FORMAT", default="json" if PRODUCTION else "plain")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "portal.logs.formatter", "json": LOG_FORMAT == "json"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "propagate": True, "level": LOG_LEVEL},
        "django.server": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},
    },
}
