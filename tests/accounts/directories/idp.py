"""A real OpenID Connect provider in a process of its own: Django with django-oauth-toolkit.

Run as ``python -m tests.accounts.directories.idp PORT FOLDER``. Its key is made at the start. ``/control/``
takes JSON from the tests: people with their claims, and what the provider should do wrong.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener, urlopen

from portal.tether import tie
from tests.serving import ROOT, free_port

if TYPE_CHECKING:
    from pathlib import Path

CLIENT_ID, CLIENT_SECRET = "muster", "between-the-two-of-us"
BACK = "http://127.0.0.1:8000/sign-in/provider/back/"
START_SECONDS = 60  # a busy machine starts it late


# What the tests see --------------------------------------------------------------------------------------


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Provider:
    """The running provider, and a browser for its pages."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/o"

    def start(self) -> None:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "MUSTER"))
        }
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self.port), str(self.folder)],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                preexec_fn=partial(tie, os.getpid(), signal.SIGKILL),  # else it outlives a killed run
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=2).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise AssertionError((self.folder / "output").read_text()[-3000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def control(self, **what: Any) -> Any:
        url = f"http://127.0.0.1:{self.port}/control/"
        with urlopen(Request(url, json.dumps(what).encode()), timeout=10) as answer:
            return json.load(answer)

    def person(self, name: str, **claims: Any) -> None:
        """Make a person, or change what is told about her."""
        claims.setdefault("groups", [])
        self.control(person=name, claims={"preferred_username": name, "name": name.title(), **claims})

    def visit(self, url: str, name: str) -> str:
        """Sign in there as somebody; return the address that the provider sends the browser back to."""
        opener = build_opener(_Stay, HTTPCookieProcessor(CookieJar()))
        where, back = f"http://127.0.0.1:{self.port}/login/?as={name}&next={quote(url, safe='')}", ""
        for _ in range(5):
            try:
                answer = opener.open(where, timeout=10)
            except HTTPError as redirect:
                answer = redirect
            answer.close()
            back = answer.headers["Location"]
            if back.startswith(BACK):
                break
            where = urljoin(where, back)
            if "/login/" in where:
                where += f"&as={name}"  # it asks anew
        parts = urlsplit(back)
        assert back.startswith(BACK), back
        assert "error" not in parse_qs(parts.query), back
        return f"{parts.path}?{parts.query}"


# What runs there -----------------------------------------------------------------------------------------


def serve(port: int, folder: str) -> None:
    """Serve until killed."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django import setup
    from django.conf import settings

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings.configure(
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="of-the-provider-alone",
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "sessions", "oauth2_provider")),
        LOGIN_URL="/login/",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": f"http://127.0.0.1:{port}/o",
            "OIDC_RSA_PRIVATE_KEY": key.decode(),
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.validator",
            "SCOPES": {"openid": "", "profile": "", "email": ""},
            "PKCE_REQUIRED": True,
        },
    )
    setup()

    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", run_syncdb=True, verbosity=0)  # the tables as they are, not as they became
    _prepare()
    httpd = ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler)
    httpd.set_app(get_wsgi_application())
    httpd.serve_forever()


def _prepare() -> None:
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    owner = User.objects.get_or_create(username="owner")[0]
    Application.objects.get_or_create(
        client_id=CLIENT_ID,
        defaults={
            "user": owner,
            "name": "Muster",
            "client_secret": CLIENT_SECRET,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": BACK,
            "algorithm": Application.RS256_ALGORITHM,
            "skip_authorization": True,
        },
    )


CLAIMS: dict[str, dict[str, Any]] = {}


def __getattr__(name: str) -> Any:
    """Make what needs a configured Django when it is first asked for."""
    if name == "validator":
        from oauth2_provider.oauth2_validators import OAuth2Validator

        class Validator(OAuth2Validator):  # type: ignore[misc]
            oidc_claim_scope = None

            def get_additional_claims(self, request: Any) -> dict[str, Any]:
                return {"sub": f"u-{request.user.pk}", **CLAIMS.get(request.user.username, {})}

            def get_id_token_dictionary(self, token: Any, handler: Any, request: Any) -> tuple[Any, Any]:
                found, ends_at = super().get_id_token_dictionary(token, handler, request)
                # When she signed in, it says of itself; if the tests say otherwise, that; None is nothing.
                told = {"auth_time": found.pop("auth_time"), **CLAIMS.get(request.user.username, {})}
                return found | ({"auth_time": told["auth_time"]} if told["auth_time"] else {}), ends_at

        return Validator
    if name == "urlpatterns":
        from django.urls import include, path

        return [
            path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
            path("login/", _login),
            path("control/", _control),
        ]
    raise AttributeError(name)


def _login(request: Any) -> Any:
    from django.contrib.auth import login
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.utils.html import format_html

    wanted = request.GET.get("next", "/")
    if "as" not in request.GET:
        box = '<label>Who? <input name="as"></label><input type="hidden" name="next" value="{}">'
        return HttpResponse(format_html(f"<form>{box}</form>", wanted))
    login(request, User.objects.get(username=request.GET["as"]))  # type: ignore[arg-type]
    return HttpResponse(status=302, headers={"Location": wanted})


def _control(request: Any) -> Any:
    from django.contrib.auth.models import User
    from django.http import JsonResponse
    from oauth2_provider.models import AccessToken, Application, RefreshToken

    what = json.loads(request.body)
    if "person" in what:
        User.objects.get_or_create(username=what["person"])
        CLAIMS[what["person"]] = what["claims"]
    if "end" in what:
        for model in (RefreshToken, AccessToken):
            model.objects.filter(user__username=what["end"]).delete()
    if "forget" in what:
        User.objects.exclude(username="owner").delete()
        CLAIMS.clear()
    if "back" in what or "forget" in what:
        Application.objects.update(redirect_uris=what.get("back", BACK))
    return JsonResponse({})


if __name__ == "__main__":
    # What it serves is looked up by this name.
    from tests.accounts.directories import idp

    idp.serve(int(sys.argv[1]), sys.argv[2])
