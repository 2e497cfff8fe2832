"""The descriptions of the wires beside Quay: whole, valid, and served to anybody."""

import json
import re

import pytest
from django.test import Client
from django.urls import resolve
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.base import TokenView
from api.docs import ADDRESSES, WIRES
from api.openapi import STATUSES, document, served
from api.operation import told
from tests.api import describing

NAMES = sorted(WIRES)
METHODS = ("get", "post", "put", "delete", "patch")


def operations(found):
    return {
        item[method]["operationId"]: (method, path, item[method])
        for path, item in found["paths"].items()
        for method in METHODS
        if method in item
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_route_and_method_is_described(name):
    wire = WIRES[name]
    known = {(path, method) for path, method, _, _ in wire.operations()}
    routes = {(path, method) for view, path in wire.routes() for method in served(view)}
    assert routes == known, "@describe(…) is missing: see api/openapi.py"
    assert len(known) == len(list(wire.operations())), "two operations of one path and method"
    assert len(known) == len(operations(document(wire))), "two operations of one name"


def test_a_route_without_a_line_would_be_found():
    class Silent(TokenView):
        def get(self, request):
            """Say nothing."""

    assert served(Silent) == ["get"]
    assert not told(Silent, "get")


@pytest.mark.parametrize("name", NAMES)
def test_the_document_is_openapi(client, name):
    found = client.get(ADDRESSES[name])
    assert found["Content-Type"] == "application/json"
    OpenAPIV31SpecValidator(found.json()).validate()
    assert client.get(ADDRESSES[name], headers={"if-none-match": found["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_in_words_and_used(name):
    wire, found = WIRES[name], document(WIRES[name])
    for _, path, one in operations(found).values():
        assert ".md" not in one["description"]
        assert {part["name"] for part in found["paths"][path].get("parameters", [])} == set(
            re.findall(r"{(\w+)}", path)
        )
        assert {int(status) for status in one["responses"]} <= STATUSES.keys()
    used = {part for path in found["paths"] for part in re.findall(r"{(\w+)}", path)}
    assert used == wire.parameters.keys(), "a path's parameter is not described, or one is too many"
    schemes = {key for _, _, one in operations(found).values() for way in one["security"] for key in way}
    assert schemes == wire.schemes.keys()
    text = json.dumps(found)
    unused = {one for one in found["components"]["schemas"] if f'"#/components/schemas/{one}"' not in text}
    assert not unused


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_every_operation_is_found_under_its_noun_and_told_in_a_line(client, name):
    found = client.get(ADDRESSES[name]).json()
    about = {tag["name"]: tag["description"] for tag in found["tags"]}
    assert all(about.values())
    assert "default" not in about
    for method, path, one in operations(found).values():
        (tag,) = one["tags"]
        assert tag in about, (method, path)
        # "List." alone says nothing that the method does not.
        assert " " in one["summary"], (method, path, one["summary"])
        assert len(one["summary"]) <= 110, (method, path, one["summary"])
        assert one["description"].startswith(one["summary"])
        assert "(6." not in one["description"], "a section of what nobody here can read"
    used = {tag for *_, one in operations(found).values() for tag in one["tags"]}
    assert used == about.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_groups_name_each_operation_once(name):
    named = [one for group in WIRES[name].groups for one in group.operations.split()]
    assert sorted(named) == sorted(operations(document(WIRES[name])))


@pytest.mark.parametrize("name", NAMES)
def test_every_path_leads_to_its_route(name):
    for view, path in WIRES[name].routes():
        filled = path.replace("{token_id}", "7")
        if any(True for _ in served(view)):
            assert resolve(re.sub(r"{\w+}", "x", filled)).func.view_class is view, path  # type: ignore[attr-defined]


def test_an_answer_that_is_not_as_described_is_found():
    validator = describing.validator_of("cisense", json.dumps({"$ref": "#/components/schemas/Error"}))
    validator.validate({"code": 404, "message": "gone"})
    for wrong in ({"code": 404}, {"code": "404", "message": ""}, {"code": 404, "message": "", "more": 1}):
        with pytest.raises(ValidationError):
            validator.validate(wrong)


# What qodana.md takes from the vendor's own published description (4.1, 4.2, 4.3 and 7.3).
PUBLIC = "/api/v1/public/organizations"
VENDOR = {
    ("post", f"{PUBLIC}/projects"): "getProjectToken",
    ("get", f"{PUBLIC}/users"): "getOrganizationUsers",
    ("get", f"{PUBLIC}/projects"): None,
    ("get", f"{PUBLIC}/projects/{{project_id}}"): None,
    ("get", f"{PUBLIC}/inspections"): None,
    ("post", f"{PUBLIC}/teams/projects"): None,
    ("post", f"{PUBLIC}/project-insights/query"): None,
    ("post", f"{PUBLIC}/inspection-insights/query"): None,
}
REQUIRED = {
    "APIError": {"name", "details"},
    "ProjectToken": {"projectToken"},
    "UsersPage": {"count", "items"},
    "User": {"id", "displayName", "isActive", "isSsoManaged"},
    "Project": {"id", "name"},
    "OrganizationToken": {"id", "token", "createdAt"},
}


def test_qodana_is_described_as_the_vendor_describes_it():
    found = document(WIRES["qodana"])
    for (method, path), name in VENDOR.items():
        one = found["paths"][path][method]
        assert name in (None, one["operationId"])
    schemas = found["components"]["schemas"]
    assert {name: set(schemas[name]["required"]) for name in REQUIRED} == REQUIRED
    assert {one["name"] for one in found["paths"][f"{PUBLIC}/users"]["get"]["parameters"]} == {
        "limit",
        "offset",
        "order",
        "search",
    }
    assert schemas["User"]["properties"]["role"]["enum"] == ["OWNER", "ADMIN", "EDITOR", "VIEWER"]
    statuses = found["paths"][f"{PUBLIC}/projects"]["post"]["responses"].keys()
    assert {"200", "201", "400", "401", "403", "500"} <= statuses
    asked = found["paths"][f"{PUBLIC}/projects"]["post"]["requestBody"]["content"]["application/json"]
    assert asked["schema"] == {"$ref": "#/components/schemas/ProjectAsked"}
    assert {"teamName", "projectName", "isPublicTeam"} <= schemas["ProjectAsked"]["properties"].keys()


def test_a_refusal_says_which_word_it_bears():
    responses = document(WIRES["codacy"])["components"]["responses"]
    schema = responses["Refused401"]["content"]["application/json"]["schema"]
    assert schema["properties"]["error"] == {"const": "Unauthorized"}
    assert "code" in schema["required"]


@pytest.mark.parametrize(
    "path", ["/api/docs/", *(f"/api/docs/{name}/" for name in ADDRESSES), "/v3/index.html"]
)
def test_the_pages_are_open_to_anybody(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert b"<script>" not in answer.content
    assert b"style=" not in answer.content
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js"])
def test_the_files_come_from_here(client, name):
    plain = client.get(f"/api/docs/files/{name}")
    packed = client.get(f"/api/docs/files/{name}", headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(plain.content) / 2
    again = client.get(f"/api/docs/files/{name}", headers={"if-none-match": plain["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["nowhere/", "nowhere/openapi.json", "quay/openapi.json", "files/oauth2-redirect.html", "files/..%2Fx"],
)
def test_what_is_not_there(db, path):
    assert Client().get(f"/api/docs/{path}").status_code == 404


def test_what_the_vendor_s_own_places_serve(client):
    assert client.get("/v3/swagger.json").json() == client.get(ADDRESSES["cisense"]).json()
    refused = client.post("/v3/swagger.json")
    assert (refused.status_code, refused.json()["code"]) == (405, 405)
