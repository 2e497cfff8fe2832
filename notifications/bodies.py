"""Bodies of webhooks that a subscriber writes herself: JSON with ``${path}`` placeholders (quay-b.md 4.1).

A path is a strict part of JSONPath: an optional ``$``, then names (``.a`` or ``['a']``), indexes (``[0]``,
``[-1]``) and wildcards (``.*``, ``[*]``). Filters, slices and descent are refused when a body is written: no
path takes longer than the data is large.
"""

from __future__ import annotations

import json
import re
from typing import Any

TEMPLATE_MAX = 16 * 1024  # characters of a body as written
RENDERED_MAX = 256 * 1024  # bytes of one as sent
PLACEHOLDERS_MAX = 100
DEEPEST = 32
PATH_MAX = 200

# Up to the first brace, whatever stands before it: an empty one is found too, and refused.
PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
STEP = re.compile(
    r"""\.?(?P<any>\*) | \.?(?P<name>[A-Za-z_][\w-]*) | \[(?P<index>-?\d{1,6})\] | \[(?P<every>\*)\]"""
    r"""| \['(?P<single>[^'\\\[\]]*)'\] | \["(?P<double>[^"\\\[\]]*)"\]""",
    re.VERBOSE,
)
# One step of a path: a name, an index, or None for everything inside
Step = str | int | None


class Unusable(ValueError):
    """A body cannot be used; ``str()`` is fit for people."""


def check(template: str) -> None:
    """Check a body when it is written. Raises Unusable."""
    if len(template) > TEMPLATE_MAX:
        raise Unusable(f"A template has at most {TEMPLATE_MAX} characters")
    texts = _texts(_parsed(template))
    found = [path for text in texts for path in PLACEHOLDER.findall(text)]
    if len(found) > PLACEHOLDERS_MAX:
        raise Unusable(f"A template has at most {PLACEHOLDERS_MAX} placeholders")
    if any("${" in PLACEHOLDER.sub("", text) for text in texts):
        raise Unusable("A placeholder of the template is not closed")
    for path in found:
        steps(path)


def render(template: str, data: dict[str, Any]) -> bytes:
    """Return a body with its placeholders filled from ``data``.

    Raises:
        Unusable: it became too large, or is not one that `check` lets pass.
    """
    filled = _filled(_parsed(template), data, [RENDERED_MAX])
    body = json.dumps(filled, separators=(",", ":")).encode()
    if len(body) > RENDERED_MAX:
        raise Unusable("The body became too large")
    return body


def steps(path: str) -> list[Step]:
    """Return the steps of a path. Raises Unusable."""
    rest, found = path.strip(), list[Step]()
    if not rest or len(rest) > PATH_MAX:
        raise Unusable(f"A placeholder holds a path of 1 to {PATH_MAX} characters")
    if rest.startswith("$"):
        rest = rest[1:]
    elif not re.match(r"[A-Za-z_*\[]", rest):
        raise Unusable(f"The path {path[:80]!r} cannot be read")
    first = not path.strip().startswith("$")
    while rest:
        step = STEP.match(rest)
        # Only the very first name may stand without a full stop.
        if step is None or (not first and rest[0] not in ".["):
            raise Unusable(f"The path {path[:80]!r} cannot be read")
        first, rest = False, rest[step.end() :]
        if step["index"] is not None:
            found.append(int(step["index"]))
        elif step["any"] or step["every"]:
            found.append(None)
        else:
            found.append(next(text for text in step.group("name", "single", "double") if text is not None))
    return found


def matches(path: str, data: Any) -> list[Any]:
    """Return what a path leads to, in order; nothing where it leads nowhere."""
    level = [data]
    for step in steps(path):
        level = [inner for one in level for inner in _next(one, step)]
    return level


def _next(value: Any, step: Step) -> list[Any]:
    if step is None:
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(step, int):
        inside = isinstance(value, list) and -len(value) <= step < len(value)
        return [value[step]] if inside else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _parsed(template: str) -> Any:
    try:
        parsed = json.loads(template, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unusable("The template is not JSON") from error
    level = [parsed]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _next(one, None)]
    if level:
        raise Unusable("The template is nested too deeply")
    return parsed


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    keys = list(value) if isinstance(value, dict) else []
    return keys + [text for inner in _next(value, None) for text in _texts(inner)]


def _filled(value: Any, data: dict[str, Any], left: list[int]) -> Any:
    if isinstance(value, dict):
        return {_text(key, data, left): _filled(inner, data, left) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, data, left) for inner in value]
    if not isinstance(value, str):
        return value
    whole = PLACEHOLDER.fullmatch(value)
    if whole is None:
        return _text(value, data, left)
    found = matches(whole[1], data)
    raw = found if len(found) > 1 else found[0] if found else None
    _spend(left, len(json.dumps(raw)))
    return raw


def _text(text: str, data: dict[str, Any], left: list[int]) -> str:
    def fill(placeholder: re.Match[str]) -> str:
        found = matches(placeholder[1], data)
        words = ",".join(map(_plain, found)) if found else "(none)"
        _spend(left, len(words))
        return words

    return PLACEHOLDER.sub(fill, text)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _spend(left: list[int], size: int) -> None:
    """Stop a body that grows beyond what may be sent, before it is whole."""
    left[0] -= size
    if left[0] < 0:
        raise Unusable("The body became too large")
