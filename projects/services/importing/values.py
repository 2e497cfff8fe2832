"""Values of YAML nodes, each strict, every fault told with file and line."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import yaml

from core.names import NAME_MAX
from projects.services.importing.files import Name, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {"str": "a text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
NUMBER_MAX = 2**63 - 1


class Values:
    """Reads the values of one file; goes on after a fault to find the next."""

    def __init__(self, file: str, problems: list[str]) -> None:
        self.file = file
        self.problems = problems

    def _entries(self, node: yaml.Node, what: str) -> Iterator[tuple[str, Place, yaml.Node]]:
        """Yield key, its place and value of a mapping; nothing at all is an empty one."""
        if _kind(node) == "null":
            return
        if not isinstance(node, yaml.MappingNode):
            self._say(node, f"{what} must be a mapping (key: value), not {_named(node)}")
            return
        seen: dict[str, Place] = {}
        for key, value in node.value:
            at = self._place(key)
            if _kind(key) != "str":
                self._say(at, f"a key of {what} must be a text, not {_named(key)}: write it in quotes")
                continue
            if key.value in seen:
                self._say(at, f"{key.value!r} stands twice in {what}, first in line {seen[key.value].line}")
                continue
            seen[key.value] = at
            yield key.value, at, value

    def _names(self, node: yaml.Node, what: str) -> list[Name]:
        if _kind(node) == "null":
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._say(node, f"{what} must be a list (- name), not {_named(node)}")
            return []
        found = []
        for item in node.value:
            at = self._place(item)
            if _kind(item) != "str":
                self._say(at, f"{what} must list texts, not {_named(item)}: write the name in quotes")
            elif self._is_name(item.value, at, what):
                found.append(Name(item.value, at))
        return found

    def _text(self, node: yaml.Node, what: str, *, longest: int) -> str | None:
        if _kind(node) == "null":
            return None
        if _kind(node) != "str":
            self._say(node, f"{what} must be a text, not {_named(node)}: write it in quotes")
            return None
        text: str = node.value
        if len(text) > longest:
            self._say(node, f"{what} is longer than {longest} characters")
            return None
        if any(char == "\0" or unicodedata.category(char) == "Cs" for char in text):
            self._say(node, f"{what} has a character that cannot be stored")
            return None
        return text

    def _flag(self, node: yaml.Node, what: str) -> bool | None:
        if _kind(node) == "null":
            return None
        if _kind(node) != "bool":
            self._say(node, f"{what} must be true or false, not {_named(node)}")
            return None
        return str(node.value).lower() in ("true", "yes", "on")

    def _number(self, node: yaml.Node, what: str, *, or_none: bool = False) -> int | None:
        """Return a whole number from 0; nothing at all is none, where that is allowed."""
        if or_none and _kind(node) == "null":
            return None
        text = node.value if _kind(node) == "int" else ""
        # What YAML takes for octal or hexadecimal is not what people see.
        if not re.fullmatch("0|[1-9][0-9]{0,18}", text) or int(text) > NUMBER_MAX:
            self._say(node, f"{what} must be a whole number from 0{' or null' if or_none else ''}")
            return None
        return int(text)

    def _is_null(self, node: yaml.Node) -> bool:
        return _kind(node) == "null"

    def _is_list(self, node: yaml.Node) -> bool:
        return isinstance(node, yaml.SequenceNode)

    def _one_of(self, node: yaml.Node, what: str, words: tuple[str, ...]) -> str:
        if _kind(node) == "str" and node.value in words:
            return str(node.value)
        said = repr(node.value) if isinstance(node, yaml.ScalarNode) else _named(node)
        self._say(node, f"{what} must be one of {', '.join(words)}, not {said}")
        return ""

    def _is_name(self, text: str, at: Place, what: str) -> bool:
        if not text.strip():
            self._say(at, f"empty name in {what}")
        elif len(text) > NAME_MAX:
            self._say(at, f"a name in {what} is longer than {NAME_MAX} characters")
        elif text != text.strip() or any(
            unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text
        ):
            self._say(at, f"{text!r} has white space around it, or control characters")
        else:
            return True
        return False

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def _say(self, at: Place | yaml.Node, problem: str) -> None:
        place = at if isinstance(at, Place) else self._place(at)
        self.problems.append(f"{place}: {problem}")


def _kind(node: yaml.Node) -> str:
    """Return the last word of a scalar's tag (str, int, null, …), or the empty text for a collection."""
    return str(node.tag).rpartition(":")[2] if isinstance(node, yaml.ScalarNode) else ""


def _named(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return KINDS.get(_kind(node), f"a value of type {node.tag}")
