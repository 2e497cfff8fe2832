"""Who reads German is told everything in German; programs, and what is kept, stay English."""

import ast
import inspect
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Team
from console import entries
from console.nouns import FIELDS
from core.languages import speaking
from core.words import told
from logs.chain import archived, checkpoints, verification
from logs.kinds import KINDS
from logs.models import LogEntry, LogExport
from notifications import stored
from notifications.channels import Undelivered
from notifications.events import EVENTS
from notifications.models import Delivery, Subscription
from permissions.catalogue import RIGHTS
from permissions.scopes import WORDS
from projects.models import Project
from projects.services.code import comparing, objects
from runs import services as runs
from tests import make
from tests.console import world as worlds
from tests.console.entering import enter
from tests.console.places import NEEDING, SIGNED_OUT, places
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Application

pytestmark = pytest.mark.django_db

# Words that no German sentence has; what people wrote, addresses and commands stand apart from the search.
ENGLISH = (
    r"ago|any|anybody|and|are|been|by|can|cannot|change|create|created|days|delete|deleted|does|entries|every|"
    r"everybody|everything|few|for|from|has|have|how|if|invite|is|it|its|made|make|makes|many|more|nobody|"
    r"nothing|of|once|or|remove|revoke|see|shows|since|than|that|the|their|them|there|they|this|to|under|until|"
    r"used|what|when|which|who|whose|with|without|you|your"
)
LEFT = re.compile(rf"\b({ENGLISH})\b", re.IGNORECASE)
SAME = frozenset({"Name", "Team"})  # in both languages
# The sample page of components shows sample words.
SAMPLES = frozenset({"style"})


class Reader(HTMLParser):
    """Collects what a page says: text, what is read aloud or shown in fields; no code, no other language."""

    APART = frozenset({"code", "pre", "script", "style", "textarea", "kbd", "samp", "template"})
    SAID = ("aria-label", "title", "placeholder", "alt")
    ALONE = frozenset({"area", "br", "hr", "img", "input", "link", "meta", "wbr"})

    def __init__(self):
        super().__init__()
        self.open, self.said = [], []

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag not in self.ALONE:
            self.open.append((tag, known.get("lang", "de")))
        if not self.apart:
            self.said += [known[name] for name in self.SAID if known.get(name)]

    def handle_endtag(self, tag):
        while self.open and any(one == tag for one, _ in self.open):
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data):
        if not self.apart:
            self.said.append(data)

    @property
    def apart(self):
        return any(tag in self.APART or language != "de" for tag, language in self.open)


def said(answer):
    """Return what a page says, each piece by itself."""
    reader = Reader()
    reader.feed(answer.content.decode())
    return [" ".join(piece.split()) for piece in reader.said if piece.strip()]


def german(user):
    """Return a browser of somebody who chose German."""
    accounts.choose_language(actor=make.actor(user), language="de")
    user.refresh_from_db()
    return enter(user)


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization("acme", owner=ada)


# What people wrote, and names, which are nobody's language.
WRITTEN = re.compile(
    r"Starts and lands rockets|The \w+ one|Docker on the laptop|Everything(?! \w+ [a-z])|They build it|"
    r"acme has reached its limit of 500\.(0 GiB)?|What everybody sees|Rockets for everybody|"
    r"Muster rests on Sunday\.|Person Number \d|[\w.+-]+@[\w.-]+|https?://\S+|[\w-]+/[\w./-]+"
)


@pytest.fixture
def addresses():
    """Return whom the world belongs to, and the address of each of its pages by its name."""
    made = worlds.build()
    web = Project.objects.get(slug="web")
    hook = Subscription.objects.filter(project=web).order_by("pk")[0]
    sent = (
        Delivery.objects.filter(subscription=hook).order_by("pk").first()
        or Delivery.objects.order_by("pk")[0]
    )
    export = LogExport.objects.order_by("pk")[0]
    robots = made.acme.namespace.robots.order_by("pk")
    run = runs.begin_run(
        actor=make.actor(made.owner),
        namespace=made.acme.namespace,
        action="robot.disable",
        things=[runs.Thing(0, "old-ci"), *(runs.Thing(robot.pk, robot.shortname) for robot in robots)],
    )
    runs.work(run.pk)
    known = {
        "orgname": made.acme.slug,
        "slug": web.slug,
        "teamname": Team.objects.get(slug="devs").slug,
        "shortname": made.acme.namespace.robots.order_by("pk")[0].shortname,
        "client_id": Application.objects.order_by("pk")[0].client_id,
        "uuid": sent.subscription.uuid,
        "delivery": sent.uuid,
        "wire": "quay",
    }
    return made.owner, places(
        known, export={"uuid": export.uuid}, instance_export={"uuid": export.uuid}, run={"uuid": run.uuid}
    )


def test_every_page_is_german(addresses):
    owner, found = addresses
    client, left = german(owner), {}
    for name, address in found.items():
        if name in SIGNED_OUT | NEEDING | SAMPLES:
            continue
        answer = client.get(address, follow=True)
        if answer.status_code not in (200, 403, 404):
            left[name] = [str(answer.status_code)]
            continue
        assert '<html lang="de"' in answer.content.decode(), name
        wrong = [piece for piece in said(answer) if LEFT.search(WRITTEN.sub("", piece))]
        if wrong:
            left[name] = wrong
    assert not left, "\n".join(f"{name}: {words}" for name, words in left.items())


def test_the_signed_out_pages_are_german():
    client = Client(headers={"accept-language": "de"})
    for path in ("/sign-in/", "/nothing-at-all"):
        pieces = said(client.get(path))
        assert not [piece for piece in pieces if LEFT.search(WRITTEN.sub("", piece))], path


def toasts(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_what_a_form_refuses_is_refused_in_german_and_on_the_wire_in_english(ada, acme):
    client = german(ada)
    make.robot(acme)
    page = client.post(
        "/o/acme/robots/", {"do": "create", "shortname": "ci", "lifetime": "90"}
    ).content.decode()
    assert "Einen Roboter mit diesem Namen gibt es schon: acme+ci" in page
    _, secret = tokens.issue(kind=Kind.OAUTH, user=ada, scopes="org:admin user:admin")
    program = Client(headers={"authorization": f"Bearer {secret}", "accept-language": "de"})
    answer = program.put("/api/v1/organization/acme/robots/ci", "{}", content_type="application/json")
    assert answer.status_code == 400
    assert "Existing robot with name: acme+ci" in answer.content.decode()


def test_an_empty_field_is_asked_for_in_german(ada, acme):
    page = german(ada).post("/o/acme/teams/", {"do": "create", "name": ""}).content.decode()
    assert "Dieses Feld ist zwingend erforderlich." in page
    accounts.choose_language(actor=make.actor(ada), language="en")
    assert "This field is required." in enter(ada).post("/o/acme/teams/", {"do": "create"}).content.decode()


def test_fields_without_a_label_of_their_own_have_german_names(ada, acme):
    page = " ".join(said(german(ada).get("/o/acme/settings/")))
    assert "Beschreibung" in page
    assert "Description" not in page
    assert not [one for one in FIELDS if one not in SAME and _german(one) == one]


def _german(words):
    with speaking("de"):
        return told(words)


def test_what_was_done_is_told_in_german(ada, acme):
    answer = german(ada).post("/o/acme/teams/", {"do": "create", "name": "Devs", "role": "member"})
    assert toasts(answer) == ["Das Team Devs ist erstellt."]
    assert LogEntry.objects.get(kind="org_create_team").metadata["team"] == "devs"


def test_chips_and_hidden_words_are_german(ada, acme):
    make.project(acme, "web")
    client = german(ada)
    assert {"Offen", "Abgelaufen"} <= set(said(client.get("/o/acme/invitations/")))
    assert "Person" in said(client.get("/o/acme/access/matrix/"))


def test_a_refusal_says_in_german_what_was_missing_and_is_kept_in_english(acme):
    bo = make.user("bo")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="member")
    answer = german(bo).get("/o/acme/settings/")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Ihre Rolle erlaubt dies nicht: die Einstellungen der Organisation sehen" in page
    assert "Administrator der Organisation" in page
    assert "Prüfer der Organisation" in page
    assert "Mitglied von acme" in " ".join(" ".join(said(answer)).split())
    kept = LogEntry.objects.get(kind="access_denied").metadata["reason"]
    assert kept == "Your role does not allow to see the organization's settings"


def test_the_log_is_read_in_german_and_kept_in_english(ada, acme):
    project = make.project(acme, "web")
    make.grant(project, "write", user=make.user("bo"))
    grant = LogEntry(
        kind="change_repo_permission",
        performer_name="ada",
        metadata={"role": "write", "repo": "web", "username": "bo"},
    )
    with speaking("de"):
        assert entries.Line(grant).sentence == (
            "<b>ada</b> hat <code>Schreiben</code> auf <code>web</code> erteilt, an <code>bo</code>"
        )
        assert entries.label_of("org_create_team") == "Team erstellen"
    assert entries.Line(grant).sentence.startswith("<b>ada</b> granted <code>write</code>")


@pytest.mark.parametrize(
    "sentences",
    [
        [kind.sentence for kind in KINDS.values()],
        list(entries.LABELS.values()),
        [event.words for event in EVENTS.values()],
        [right.sentence for right in RIGHTS.values()],
        [words.title for words in WORDS.values()],
        [words.sentence for words in WORDS.values()],
        list(stored.SENTENCES),
        list(stored.FINDINGS),
    ],
    ids=["kinds", "labels", "events", "rights", "scopes", "what scopes allow", "stored", "findings"],
)
def test_each_of_them_is_german(sentences):
    with speaking("de"):
        assert [one for one in sentences if told(one) == one] == []


def test_every_kind_of_entry_has_a_name_that_can_be_translated():
    assert entries.LABELS.keys() == KINDS.keys()


def test_what_is_stored_is_told_again_with_its_names():
    sentences = {
        "Your role does not allow to create teams": "Ihre Rolle erlaubt dies nicht: Teams erstellen",
        "The URL answered 500.": "Die URL antwortete 500.",
        str(Undelivered("The mail could not be sent.")): "Die E-Mail konnte nicht gesendet werden.",
        "The URL could not be reached: No connection could be made.": (
            "Die URL war nicht zu erreichen: Es kam keine Verbindung zustande."
        ),
        "The receiver may not be called: The URL must begin with syslog+tls:// and a host.": (
            "Der Empfänger darf nicht angesprochen werden: "
            "Die URL muss mit syslog+tls:// und einem Host beginnen."
        ),
        "The URL may not be called: <b>{x}</b>": "Die URL darf nicht aufgerufen werden: <b>{x}</b>",
        "ada invites you to the team rockets of acme": "ada lädt Sie in das Team rockets von acme ein",
        "ada invites you to acme": "ada lädt Sie in acme ein",
        "3 credentials expire within 7 days: ci, cd": "3 Token laufen innerhalb von 7 Tagen ab: ci, cd",
        "Your role does not allow to eat cake": "Your role does not allow to eat cake",
        "<b>{x}</b>": "<b>{x}</b>",
        "": "",
    }
    with speaking("de"):
        assert {one: stored.retold(one) for one in sentences} == sentences
    assert {one: stored.retold(one) for one in sentences} == {one: one for one in sentences}


def test_the_steps_of_a_file_and_notes_on_them_are_told_again():
    sentences = {
        "robot ci in team devs": "Roboter ci im Team devs",
        "ada in team devs": "ada im Team devs",
        "team devs on project web": "Team devs am Projekt web",
        "user ada on project web": "Benutzer ada am Projekt web",
        "default permission of team devs on projects of user ada": (
            "Vorgabe für Team devs an Projekten von Benutzer ada"
        ),
        "default permission of robot ci": "Vorgabe für Roboter ci",
        "application My app": "Anwendung My app",
        "member ada": "Mitglied ada",
        "quota robots": "Limit robots",
        "settings": "Einstellungen",
        "ada in team devs: invited already, and has not answered yet": (
            "ada im Team devs: bereits eingeladen, die Antwort steht aus"
        ),
        "member eve: only an owner may make or unmake owners": (
            "Mitglied eve: Nur Eigentümer machen andere zu Eigentümern oder nehmen ihnen das"
        ),
    }
    with speaking("de"):
        assert {one: stored.retold(one, stored.STEPS) for one in sentences} == sentences


def test_every_sort_of_object_and_note_of_a_file_is_known():
    """Each sentence that comparing makes, and a title for each sort."""
    names = {
        "member": ("ada",),
        "robot": ("ci",),
        "team": ("devs",),
        "seat": ("devs", "robot", "ci"),
        "project": ("web",),
        "grant": ("web", "team", "devs"),
        "default": ("team:devs", "user:ada", "1"),
        "application": ("App", "1"),
        "quota": ("robots",),
    }
    keys = [(sort, *names.get(sort, ())) for sort in objects.SORTS]
    with speaking("de"):
        for key in keys:
            title = objects.title_of(key)
            assert stored.retold(title, stored.STEPS) != title
    made = set()
    for node in ast.walk(ast.parse(inspect.getsource(comparing))):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.JoinedStr):
            parts = node.value.values
            made.add("".join(str(one.value) if isinstance(one, ast.Constant) else "?" for one in parts))
    known = {re.sub(r"\{\w+\}", "?", one) for one in stored.STEPS}
    assert len(made) > 5
    assert made <= known


@pytest.mark.parametrize("name", ["egress", "targets"])
def test_why_a_call_to_the_outside_failed_is_told_in_german(name):
    source = (Path(__file__).parents[2] / "core" / f"{name}.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    said = {
        str(node.args[0].value)
        for node in calls
        if getattr(node.func, "id", "") in ("Failed", "Refused", "say")
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(said) > 5
    with speaking("de"):
        assert {words for words in said if told(words) == words} == set()


def test_what_verifications_find_is_known():
    """Each sentence that they make, and no other."""
    made = set()
    for module in (archived, checkpoints, verification):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "say":
                made.add(ast.literal_eval(node.args[0]))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                told_words = [word.value for word in node.keywords if word.arg == "words"] + node.args[4:5]
                assert not any(isinstance(one, ast.Constant | ast.JoinedStr) for one in told_words)
    assert made == set(stored.FINDINGS)


def test_what_was_found_is_told_again():
    sentences = {
        "not as it was sealed": "nicht, wie er versiegelt wurde",
        "3 entries, 41002 to 41019": "3 Einträge, 41002 bis 41019",
        "line 2 of the copy: its signature is wrong": "Zeile 2 in der Kopie: die Unterschrift ist falsch",
        "checkpoint 7 does not follow from the one before it": "Prüfpunkt 7 folgt nicht auf den vor ihm",
        "in the file archive/2025-03.jsonl.gz": "in der Datei archive/2025-03.jsonl.gz",
        "namespace 12": "Namensraum 12",
        "acme": "acme",
    }
    with speaking("de"):
        assert {one: stored.retold(one, stored.FINDINGS) for one in sentences} == sentences


def test_a_long_text_that_nearly_fits_is_left_alone_in_no_time():
    begun = timezone.now()
    with speaking("de"):
        for text in ("The URL answered " * 20_000, "1 credential expires within " * 60):
            assert stored.retold(text) == text
    assert (timezone.now() - begun).total_seconds() < 5


def test_a_page_of_rights_is_german(ada, acme):
    pieces = said(german(ada).get(reverse("console:rights", args=["acme"])))
    assert "Teams erstellen" in pieces
    assert "Inhaber von acme" in " ".join(pieces)
