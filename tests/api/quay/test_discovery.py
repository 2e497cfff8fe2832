"""What the operations of the Quay wire say of themselves, compared with what they do."""

import json
import re
from collections import defaultdict

import pytest
from django.urls import resolve
from openapi_spec_validator import OpenAPIV2SpecValidator

from api.quay import discovery, operation
from api.quay.urls import urlpatterns
from api.quay.view import QuayView, UnknownRoute
from permissions.catalogue import Scope
from tests.api.quay import access, examples, golden

VIEWS: dict[str, type[QuayView]] = {
    pattern.name: pattern.callback.view_class  # type: ignore[attr-defined] # as DRF makes them
    for pattern in urlpatterns
    if pattern.name
}

# By test_session.py: the worlds of golden files and access tables are never without people.
# By test_content.py, with a registry: without one nothing is there, and nothing can be made.
OF_A_REGISTRY = {
    200: """getRepoBuild getRepoBuildStatus getRepoBuildLogs getRepoBuildSuperUser getRepoBuildStatusSuperUser
        getRepoBuildLogsSuperUser getBuildTrigger updateBuildTrigger activateBuildTrigger restoreTag
        getRepoManifest listManifestLabels getManifestLabel getRepoManifestSecurity getRepoMirrorConfig""",
    201: """requestRepoBuild cancelRepoBuild manuallyStartBuildTrigger changeTag addManifestLabel
        createRepoMirrorConfig changeRepoMirrorConfig createProxyCacheConfig deleteProxyCacheConfig""",
    202: "validateProxyCacheConfig",
    204: "deleteBuildTrigger deleteFullTag deleteManifestLabel syncNow syncCancel",
}
SHOWN_ELSEWHERE = {"initializeUser": {200}} | {
    name: {status} for status, names in OF_A_REGISTRY.items() for name in names.split()
}


def answered() -> dict[tuple[str, str], set[tuple[str, int]]]:
    """Return, by route and method, the paths and statuses that the golden files and access tables hold."""
    found: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    for row in [*golden.calls(), *access.all_rows()]:
        found[row.route] |= {(row.path, status) for status in row.expect.values()}
    return found


@pytest.fixture(scope="module")
def known():
    return answered()


def declared() -> list[tuple[str, str, operation.Operation]]:
    return [
        (name, method, one)
        for name, method in access.all_routes()
        for one in operation.operations_of(VIEWS[name], method)
    ]


@pytest.mark.parametrize(
    ("name", "method", "one"), declared(), ids=lambda value: getattr(value, "name", str(value))
)
def test_an_operation_says_what_it_answers(known, name, method, one):
    came = {status for path, status in known[name, method] if path.startswith(one.under)}
    said = one.statuses(method, csrf_exempt=VIEWS[name].csrf_exempt)
    # One handler serves all spellings of its path.
    shown = {status for _, status in known[name, method]} | SHOWN_ELSEWHERE.get(one.name, set())
    assert one.success in shown, f"nothing shows that {one.success} is answered"
    assert came <= said, f"{sorted(came - said)} are answered, but not told"


def test_every_route_and_method_says_what_it_is():
    silent = [
        (name, method)
        for name, method in access.all_routes()
        if not operation.operations_of(VIEWS[name], method)
    ]
    assert not silent, f"@operation(…) is missing on {silent}: see api/quay/operation.py"


def test_every_path_of_a_route_has_its_operation():
    for view, path in discovery.routes():
        for method in operation.handled(view):
            named = [one.name for one in operation.operations_of(view, method) if path.startswith(one.under)]
            assert view is UnknownRoute or len(named) == 1, (method, path, named)


def test_no_two_operations_have_one_name():
    names = [one.name for _, _, one in declared()]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def document():
    return discovery.document(internal=True)


def described(document):
    methods = ("get", "put", "post", "delete")
    return {
        item[method]["operationId"]: (path, method, item[method])
        for path, item in document["paths"].items()
        for method in methods
        if method in item
    }


@pytest.mark.parametrize("query", ["", "?internal=true"])
def test_the_document_is_swagger(client, query):
    OpenAPIV2SpecValidator(client.get(f"/api/v1/discovery{query}").json()).validate()


def test_everything_that_is_declared_is_described(document):
    assert described(document).keys() == {one.name for _, _, one in declared()}
    assert set(Scope.values) == document["securityDefinitions"]["oauth2_implicit"]["scopes"].keys()


def test_every_described_path_leads_to_its_route(document):
    for path, item in document["paths"].items():
        filled = path.replace("{repository}", "acme/web").replace("{manifestref}", "sha256:0f")
        filled = filled.replace("{", "").replace("}", "")
        view = VIEWS[resolve(filled).url_name or ""]
        assert item["x-name"] == f"{view.__module__}.{view.__name__}"
        assert {one["name"] for one in item["parameters"]} == set(re.findall(r"{(\w+)}", path))


def test_words_are_there_for_everything(document):
    parameters = {one["name"] for item in document["paths"].values() for one in item["parameters"]}
    assert not parameters - discovery.PARAMETERS.keys(), "a path's parameter is not described"
    assert not {one["name"] for one in document["tags"]} - discovery.TAGS.keys(), "a tag is not described"
    for _, _, one in described(document).values():
        assert one["description"], one["operationId"]


def test_a_body_is_described_as_it_is_read(document):
    _, _, put = described(document)["createOrgRobot"]
    (body,) = put["parameters"]
    assert body["required"] is False
    assert body["schema"] == {"$ref": "#/definitions/NewRobot"}
    _, _, post = described(document)["createOrgRobotFederation"]
    assert post["parameters"][0]["schema"] == {"type": "array", "items": {"$ref": "#/definitions/Identity"}}
    made = document["definitions"]["NewRepository"]
    assert made["required"] == ["repository", "visibility", "description"]
    assert made["properties"]["visibility"] == {"type": "string", "enum": ["public", "private"]}
    assert made["properties"]["repo_kind"]["x-nullable"] is True


def test_the_answers_that_are_shown_were_answered(document):
    assert json.loads(examples.PLACE.read_text()) == examples.told(), "python -m tests.api.quay.examples"
    _, _, get = described(document)["getOrgRobots"]
    refused = get["responses"]["403"]["examples"]["application/json"]
    assert (refused["status"], refused["error_type"]) == (403, "insufficient_scope")
    assert refused.keys() == document["definitions"]["ApiError"]["properties"].keys()
    assert get["responses"]["200"]["examples"]["application/json"]["robots"][0]["name"] == "acme+bot"
    mute = {
        name
        for name, (_, _, one) in described(document).items()
        for status, answer in one["responses"].items()
        if int(status) < 300 and answer.get("schema") == {} and "examples" not in answer
    }
    # Bare words and numbers are no examples to learn from; builds and images are there with a registry alone.
    assert len(mute) <= 39, sorted(mute)


def test_two_bodies_of_one_name_are_told_apart(document):
    properties = {
        name: document["definitions"][name]["properties"].keys()
        for name in ("UsersNewUser", "SuperuserNewUser")
    }
    assert "password" in properties["UsersNewUser"]
    assert "password" not in properties["SuperuserNewUser"]


def test_a_token_s_scopes_and_the_statuses_are_told(document):
    _, _, get = described(document)["getOrgRobotPermissions"]
    assert get["security"] == [{"oauth2_implicit": ["org:admin", "user:admin"]}]
    assert get["responses"].keys() == {"200", "400", "401", "403"}
    _, _, get = described(document)["listRepos"]
    assert get["security"] == [{"oauth2_implicit": ["repo:read"]}, {}]
    assert get["description"].endswith("Anybody may call; a token with `repo:read` sees more.")
    _, _, put = described(document)["createOrgRobot"]
    assert put["description"].endswith("A token needs `org:admin`.")
    assert described(document)["discovery"][2]["security"] == []
    assert "200" in described(document)["regenerateOrgRobotToken"][2]["responses"]


def test_what_serves_browsers_is_left_out_unless_asked_for(client):
    short, whole = client.get("/api/v1/discovery").json(), client.get("/api/v1/discovery?internal=1").json()
    assert "/api/v1/signin" not in short["paths"]
    assert "/api/v1/signin" in whole["paths"]
    assert "post" not in short["paths"]["/api/v1/user/"]


def test_the_document_is_made_once_and_sent_once(client, monkeypatch):
    first = client.get("/api/v1/discovery")
    monkeypatch.setattr(discovery, "document", None)
    again = client.get("/api/v1/discovery", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/v1/discovery", headers={"if-none-match": '"other"'}).content == first.content
    elsewhere = client.get("/api/v1/discovery", headers={"host": "localhost"})
    assert elsewhere.json()["host"] == "localhost"
    assert elsewhere["ETag"] != first["ETag"]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        (r"^user/?\Z", ["user/"]),
        (r"^users/(?P<username>[^/]+)/?\Z", ["users/{username}"]),
        (r"^(?:user|organization/(?P<o>[^/]+))/robots/?\Z", ["user/robots", "organization/{o}/robots"]),
        (r"^repository/(?P<repository>[^/]+(?:/[^/]+)+)/tag/?\Z", ["repository/{repository}/tag/"]),
    ],
)
def test_a_route_s_paths(pattern, paths):
    assert discovery.paths_of(pattern) == paths
