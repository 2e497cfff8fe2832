"""Bodies that subscribers write: which paths there are, what is filled in, and what is refused."""

import json

import pytest

from notifications import bodies

DATA = {
    "repository": "acme/web",
    "updated_tags": ["latest", "foo"],
    "a": {"b": [1, 2, {"c": "x"}], "strange name": True},
    "nothing": None,
    "empty": "",
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("repository", ["acme/web"]),
        ("$.repository", ["acme/web"]),
        (" a.b[0] ", [1]),
        ("$['a'][\"b\"][-1].c", ["x"]),
        ("a['strange name']", [True]),
        ("a.b[*]", [1, 2, {"c": "x"}]),
        ("updated_tags.*", []),
        ("a.*", [[1, 2, {"c": "x"}], True]),
        ("a.b[9]", []),
        ("a.b[-9]", []),
        ("repository[0]", []),
        ("nowhere.at.all", []),
        ("nothing", [None]),
        ("$", [DATA]),
    ],
)
def test_what_a_path_leads_to(path, found):
    if path == "updated_tags.*":
        found = DATA["updated_tags"]
    assert bodies.matches(path, DATA) == found


@pytest.mark.parametrize(
    "path",
    [
        "",
        " ",
        "..a",
        "$..a",
        "a..b",
        "a b",
        "a.",
        "$a",
        "a[",
        "a[1:2]",
        "a[?(@.x)]",
        "a['x",
        "1a",
        "a[*]b",
        "a[1234567]",
        "a" * 201,
        "$.a[0",
        "@",
        "a['x\\']",
    ],
)
def test_paths_that_are_refused(path):
    with pytest.raises(bodies.Unusable):
        bodies.check(json.dumps(f"${{{path}}}"))


def test_what_is_filled_in():
    template = {
        "k-${a.b[0]}": "${updated_tags}",
        "text": "tags ${updated_tags[*]} of ${repository}, ${nowhere}, ${a.b[1]}, ${nothing}, ${empty}!",
        "several": "${a.b[*]}",
        "missing": "${nowhere}",
        "kept": [1, True, None, {"x": "plain $ {text}"}],
    }
    bodies.check(json.dumps(template))
    assert json.loads(bodies.render(json.dumps(template), DATA)) == {
        "k-1": ["latest", "foo"],
        "text": "tags latest,foo of acme/web, (none), 2, null, !",
        "several": [1, 2, {"c": "x"}],
        "missing": None,
        "kept": [1, True, None, {"x": "plain $ {text}"}],
    }


def test_values_are_not_read_as_placeholders_again():
    assert bodies.render('"see ${v}"', {"v": "${repository}", "repository": "x"}) == b'"see ${repository}"'


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{",
        "${a}",
        '{"a": NaN}',
        "[" * 5000,
        "[" * 40 + "]" * 40,
        '"${}"',
        '{"${}": 1}',
        '"${a"',
        '"${a}${"',
        json.dumps("${a}" * 101),
        json.dumps("a" * bodies.TEMPLATE_MAX),
    ],
)
def test_bodies_that_are_refused(template):
    with pytest.raises(bodies.Unusable):
        bodies.check(template)


def test_a_body_that_grows_too_large_is_stopped():
    big = {"v": "x" * 20_000}
    for template in (json.dumps(["${v}"] * 50), json.dumps("${v}" * 50), json.dumps({"${v}" * 50: 1})):
        bodies.check(template)
        with pytest.raises(bodies.Unusable, match="too large"):
            bodies.render(template, big)
