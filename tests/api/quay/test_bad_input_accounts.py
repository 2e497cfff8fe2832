"""Every body field of the accounts half with what does not belong there: a 400 that says so, never a 500."""

import json

import pytest
from django.db import transaction
from django.test import override_settings

from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import PREFIX, call
from tests.staging import stand

pytestmark = pytest.mark.django_db

UNSTORABLE = ["\x00", "a\x00b", "\ud800", "a\udfffb"]
NO_TEXT = [7, 1.5, True, [], {}, ["x"], *UNSTORABLE]
NO_FLAG = [0, 1, "true", "", [], {}]
NO_WHOLE = ["7", 1.5, True, [], {}, -1, 2**63, 10**30]
NO_WORD = ["", "Admin", "owner", 7, True, [], {}, *UNSTORABLE]


def deep(levels):
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


NO_OBJECT = ["x", 7, True, [], [{}], {"a": "\x00"}, {"\x00": 1}, {"a": ["\ud800"]}, deep(33)]
LONG = "x" * 256
LONG_EMAIL = "x" * 60 + "@" + ".".join(["y" * 60] * 4) + ".test"
BAD_NAMES = ["", "x", "X1", "x y", "-x", "x-", "a..b", "a__b", "ä1", "x/y", "x\n", LONG]
BAD_EMAILS = ["nonsense", "a@b", "@b.test", "a@", "a b@c.test", "a@b@c.test", LONG_EMAIL]
BAD_PASSWORDS = ["", "short", "with a space", "tab\tinside"]

PASSWORD = {"password": make.PASSWORD}
SIGN_UP = {"username": "newcomer", "email": "new@example.test", **PASSWORD}
DELEGATE = {"name": "devs", "kind": "team"}
RULE = {"role": "read", "delegate": DELEGATE}
MESSAGE = {"content": "Sunday", "media_type": "text/plain", "severity": "info"}
IDENTITY = {"issuer": "https://idp.example.test", "subject": "ci"}

# principal, method, path, a good body, and per field what it refuses; "!" beside it: it must be there,
# "0": it may be null
OPERATIONS = [
    ("anonymous", "post", "signin", {"username": "reader", **PASSWORD}, {
        "username!": NO_TEXT, "password!": NO_TEXT, "invite_code": NO_TEXT,
    }),
    ("reader", "post", "signin/verify", PASSWORD, {"password!": NO_TEXT}),
    ("anonymous", "post", "user/", SIGN_UP, {
        "username!": NO_TEXT + BAD_NAMES, "password!": NO_TEXT + BAD_PASSWORDS, "email": NO_TEXT + BAD_EMAILS,
        "invite_code": NO_TEXT,
    }),
    ("reader", "put", "user/", {}, {
        "password": NO_TEXT + BAD_PASSWORDS, "email": NO_TEXT + BAD_EMAILS, "invoice_email": NO_FLAG,
        "invoice_email_address0": NO_TEXT + BAD_EMAILS, "tag_expiration_s": [*NO_WHOLE, 7],
        "given_name0": [*NO_TEXT, LONG], "family_name0": [*NO_TEXT, LONG], "company0": [*NO_TEXT, LONG],
        "location0": [*NO_TEXT, LONG],
    }),
    ("reader", "post", "organization/", {"name": "initech"}, {
        "name!": NO_TEXT + BAD_NAMES, "email": NO_TEXT + BAD_EMAILS, "contact_email": NO_TEXT + BAD_EMAILS,
    }),
    ("owner", "put", "organization/acme", {}, {
        "email": NO_TEXT + BAD_EMAILS, "contact_email0": NO_TEXT + BAD_EMAILS, "invoice_email": NO_FLAG,
        "invoice_email_address0": NO_TEXT + BAD_EMAILS, "tag_expiration_s": [*NO_WHOLE, 7],
    }),
    ("owner", "put", "organization/acme/team/devs", {"role": "member"}, {
        "role!": NO_WORD, "description": NO_TEXT,
    }),
    ("owner", "put", "organization/acme/robots/fresh", {"description": "x"}, {
        "description": [*NO_TEXT, LONG], "unstructured_metadata": NO_OBJECT,
    }),
    ("reader", "put", "user/robots/fresh", {"description": "x"}, {
        "description": [*NO_TEXT, LONG], "unstructured_metadata": NO_OBJECT,
    }),
    ("owner", "post", "organization/acme/prototypes", RULE, {
        "role!": NO_WORD, "delegate!": [*NO_OBJECT[:5], {}, {"name": "devs"}, {"kind": "team"}],
        "activating_user": [*NO_OBJECT[:5], {}],
    }),
    ("owner", "put", "organization/acme/prototypes/{prototype}", {"role": "read"}, {"role!": NO_WORD}),
    ("superuser", "post", "superuser/users/", {"username": "newcomer"}, {
        "username!": NO_TEXT + BAD_NAMES, "email": NO_TEXT + BAD_EMAILS,
    }),
    ("superuser", "put", "superuser/users/reader", {}, {
        "password": NO_TEXT + BAD_PASSWORDS, "email": NO_TEXT + BAD_EMAILS, "enabled": NO_FLAG,
        "superuser": NO_FLAG,
    }),
    ("superuser", "put", "superuser/organizations/acme", {}, {"name": NO_TEXT + BAD_NAMES}),
    ("superuser", "post", "messages", {"message": MESSAGE}, {
        "message!": [*NO_OBJECT[:5], {}],
    }),
]  # fmt: skip

# Fields inside of a field, and of an array.
INNER = [
    ("owner", "post", "organization/acme/prototypes", lambda name: RULE | {
        "delegate": DELEGATE | {"name": name}}, NO_TEXT),
    ("owner", "post", "organization/acme/prototypes", lambda kind: RULE | {
        "delegate": DELEGATE | {"kind": kind}}, NO_WORD),
    ("owner", "post", "organization/acme/prototypes", lambda name: RULE | {
        "activating_user": {"name": name}}, NO_TEXT),
    ("superuser", "post", "messages", lambda content: {"message": MESSAGE | {"content": content}}, NO_TEXT),
    ("superuser", "post", "messages", lambda word: {"message": MESSAGE | {"severity": word}}, NO_WORD),
    ("superuser", "post", "messages", lambda word: {"message": MESSAGE | {"media_type": word}}, NO_WORD),
    ("owner", "post", "organization/acme/robots/bot/federation", lambda text: [IDENTITY, IDENTITY | {
        "subject": text}], [*NO_TEXT, "", LONG]),
    ("owner", "post", "organization/acme/robots/bot/federation", lambda text: [IDENTITY | {"issuer": text}], [
        *NO_TEXT, "", "idp.example.test", "ftp://idp.example.test", "https://", "https://[", "javascript:x",
        "https://idp.example.test/" + LONG]),
]  # fmt: skip

BODIES = ["", "{", "nonsense", "{'a': 1}", '{"a": NaN}x', b"\xff", "null", "[]", "[1]", '"x"', "7", "true",
          "[" * 5000, '{"a":' * 5000, "1" * 5000, '"' + "x" * 2**20 + '"']  # fmt: skip


SWITCHES = {**worlds.EVERYWHERE, "USER_CREATION": True}


def build():
    return worlds.build()


@pytest.fixture
def standing_world(request):
    with override_settings(**SWITCHES):
        return stand(build, request)


@pytest.fixture
def world(standing_world):
    with override_settings(**SWITCHES):
        yield standing_world


def sent(world, principal, method, path, body, **headers):
    """Call, undo, and return status and body."""
    client = world.client(principal)
    if principal == "anonymous":
        headers["x-csrf-token"] = client.get("/csrf_token").json()["csrf_token"]
    with transaction.atomic():
        answer = call(client, method, path.format(**world.names), body, **headers)
        transaction.set_rollback(True)
    return answer.status_code, answer.json() if answer.content else None


def refused(answer):
    """Tell whether an answer is a 400 with words, in one of the wire's shapes."""
    status, body = answer
    return status == 400 and bool(body.get("message") or body.get("error_message"))


def ident(case):
    return f"{case[1]} {case[2]}" if isinstance(case, tuple) else None


@pytest.mark.parametrize("case", OPERATIONS, ids=ident)
def test_a_field_of_the_wrong_kind_is_refused(world, case):
    principal, method, path, good, fields = case
    assert sent(world, principal, method, path, good)[0] < 300
    passed = []
    for mark, bad in fields.items():
        field = mark.rstrip("!0")
        values = bad + ([] if mark.endswith("0") else [None])
        passed += [
            (field, value)
            for value in values
            if not refused(sent(world, principal, method, path, good | {field: value}))
        ]
        if mark.endswith("!"):
            without = {key: value for key, value in good.items() if key != field}
            if not refused(sent(world, principal, method, path, without)):
                passed.append((field, "missing"))
        if mark.endswith("0"):
            assert sent(world, principal, method, path, good | {field: None})[0] == 200
    assert passed == []


@pytest.mark.parametrize("case", INNER, ids=ident)
def test_a_field_inside_of_another_is_refused(world, case):
    principal, method, path, body, bad = case
    answers = {repr(value): sent(world, principal, method, path, body(value)) for value in [*bad, None]}
    assert [value for value, answer in answers.items() if not refused(answer)] == []


@pytest.mark.parametrize("case", OPERATIONS, ids=ident)
def test_keys_that_nobody_knows_are_ignored(world, case):
    principal, method, path, good, _ = case
    more = {"name_of_nothing": 1, "isExpanded": True, "org_name": None, "": [], "x": "\x00", "y": deep(90)}
    assert sent(world, principal, method, path, more | good)[0] < 300


@pytest.mark.parametrize("case", OPERATIONS, ids=ident)
def test_a_body_that_is_no_object_is_refused(world, case):
    principal, method, path, _, _ = case
    optional = "robots" in path
    for body in BODIES:
        status, answer = sent(world, principal, method, path, body)
        if optional and body == "":
            assert status == 201
            continue
        assert refused((status, answer)), (body[:20], status, answer)
        if body == "null":
            assert answer["error_type"] == "invalid_request"


@pytest.mark.parametrize("case", OPERATIONS, ids=ident)
@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]
)
def test_another_content_type_is_a_415(world, case, kind):
    principal, method, path, good, _ = case
    client = world.client(principal)
    headers = {}
    if principal == "anonymous":
        headers["x-csrf-token"] = client.get("/csrf_token").json()["csrf_token"]
    for data in (json.dumps(good), ""):
        with transaction.atomic():
            answer = client.generic(
                method.upper(),
                PREFIX + path.format(**world.names),
                data,
                content_type=kind,
                headers=headers,
                CONTENT_TYPE=kind,
            )
            transaction.set_rollback(True)
        if "robots" in path:
            assert answer.status_code == 201
        else:
            assert answer.status_code == 415
            assert list(answer.json()) == ["message"]


def test_a_federation_that_is_no_array_of_objects_is_refused(world):
    path = "organization/acme/robots/bot/federation"
    for body in (
        *BODIES[:7],
        "{}",
        '"x"',
        "7",
        "[1]",
        "[[]]",
        "[null]",
        "[{}]",
        '[{"issuer":"https://a.test"}]',
    ):
        assert refused(sent(world, "owner", "post", path, body)), body
    assert refused(sent(world, "owner", "post", path, [IDENTITY, IDENTITY]))


ADDRESSES = ["%00", "a%00b", "%F0%28", "%ff", "..", "%2e%2e", "%2F", "a%2Fb", "%0A", "acme%0A", "+", "a+b+c",
             "x" * 300, "ACME", "%C3%84", "a b", "%25", "urn:teaminvite:x", "'", '"', "%3Cb%3E"]  # fmt: skip
PATHS = [
    ("get", "users/{}"), ("get", "organization/{}"), ("put", "organization/{}"),
    ("delete", "organization/{}"), ("get", "organization/acme/members/{}"),
    ("delete", "organization/acme/members/{}"),
    ("get", "organization/{}/team/devs/members"), ("put", "organization/acme/team/{}"),
    ("delete", "organization/acme/team/{}"), ("get", "organization/acme/team/{}/members"),
    ("put", "organization/acme/team/devs/members/{}"), ("delete", "organization/acme/team/devs/members/{}"),
    ("put", "organization/acme/team/devs/invite/{}"), ("delete", "organization/acme/team/devs/invite/{}"),
    ("put", "teaminvite/{}"), ("delete", "teaminvite/{}"),
    ("get", "organization/acme/robots/{}"), ("put", "organization/acme/robots/{}"),
    ("post", "organization/acme/robots/{}/regenerate"), ("get", "user/robots/{}"), ("put", "user/robots/{}"),
    ("put", "organization/acme/prototypes/{}"), ("delete", "organization/acme/prototypes/{}"),
    ("get", "superuser/users/{}"), ("put", "superuser/users/{}"), ("delete", "superuser/users/{}"),
    ("put", "superuser/organizations/{}"), ("delete", "superuser/organizations/{}"),
    ("post", "superuser/takeownership/{}"), ("delete", "message/{}"), ("get", "error/{}"), ("get", "{}"),
]  # fmt: skip
QUERIES = ["limit=x", "limit=1.5", "limit=", "limit=99999999999999999999", "limit=-1", "limit=0", "limit=%00",
           "next_page=x", "next_page=%00", "next_page=" + "x" * 5000, "next_page=gAAAA", "permissions=%ff",
           "includePending=[]", "disabled=maybe", "limit=1&limit=x", "token=%F0%28"]  # fmt: skip
LISTS = ["organization/acme/robots", "user/robots", "superuser/users/", "superuser/organizations/",
         "messages", "organization/acme/team/devs/members", "organization/acme/members", "user/"]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS, ids=str)
def test_no_address_is_too_strange(world, method, path):
    body = {"role": "member", "name": "initech"} if method == "put" else {}
    with override_settings(SUPERUSERS_FULL_ACCESS=True, MAILING=True):
        for name in ADDRESSES:
            status, _ = sent(world, "full", method, path.replace("{}", name.replace("{", "")), body)
            assert status < 500, (method, path, name)


@pytest.mark.parametrize("path", LISTS)
def test_no_query_is_too_strange(world, path):
    with override_settings(SUPERUSERS_FULL_ACCESS=True):
        for query in QUERIES:
            status, _ = sent(world, "full", "get", f"{path}?{query}", {})
            assert status < 500, query


def test_a_body_over_a_mebibyte_is_refused_before_it_is_read(world):
    good = {"description": "x", "unstructured_metadata": {"a": "x" * (2**20 - 200)}}
    assert sent(world, "owner", "put", "organization/acme/robots/fresh", good)[0] == 201
    bad = {"description": "x", "unstructured_metadata": {"a": "x" * 2**20}}
    assert sent(world, "owner", "put", "organization/acme/robots/fresh", bad)[0] == 400
