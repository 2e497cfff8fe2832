"""From a directory to YAML nodes: which files are read, and what is refused before their content matters."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import yaml
from yaml.reader import Reader

from projects.services.importing.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORGANIZATION, TEAMS = "org.yaml", "teams.yaml"
MAX_FILES = 1000
MAX_FILE_BYTES = 4 * 2**20
MAX_TOTAL_BYTES = 32 * 2**20
MAX_NODES = 500_000  # of all files together; a node costs about a kilobyte of memory
MAX_DEPTH = 60

# The one of libyaml is the same loader, some ten times as fast.
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Reading:
    """Makes nodes of files, whoever brings them; limits hold for all files together.

    Faults are collected in ``problems``, so that one run names them all.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._bytes = self._nodes = 0

    def node(self, name: str, raw: bytes) -> yaml.Node | None:
        """Return the content of a file, or None after saying why not; ``name`` is how faults call it."""
        text = self._text(name, raw)
        if text is None:
            return None
        try:
            if not self._is_harmless(name, text):
                return None
            node = yaml.compose(text, Loader=Loader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self._refuse(name, f"not YAML: {error.problem or error.context}", line)
            return None
        if node is None:
            self._refuse(name, "the file is empty")
        return node

    def _refuse(self, name: str, why: str, line: int = 1) -> None:
        self.problems.append(f"{Place(name, line)}: {why}")

    def _text(self, name: str, raw: bytes) -> str | None:
        self._bytes += len(raw)
        if len(raw) > MAX_FILE_BYTES:
            self._refuse(name, f"larger than {MAX_FILE_BYTES // 2**20} MiB")
            return None
        if self._bytes > MAX_TOTAL_BYTES:
            self._refuse(name, f"with this file, all are larger than {MAX_TOTAL_BYTES // 2**20} MiB")
            return None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line, column = _position(error.object[: error.start])
            self._refuse(name, f"not UTF-8: byte 0x{error.object[error.start]:02x} in column {column}", line)
            return None
        odd = Reader.NON_PRINTABLE.search(text)
        if odd:
            line, column = _position(text[: odd.start()].encode())
            self._refuse(name, f"the character U+{ord(odd[0]):04X} in column {column} is not allowed", line)
            return None
        return text

    def _is_harmless(self, name: str, text: str) -> bool:
        """Look at the stream of events before anything is built of it."""
        depth = documents = 0
        for event in yaml.parse(text, Loader=Loader):
            mark = event.start_mark
            line = mark.line + 1 if mark else 1
            if isinstance(event, yaml.AliasEvent):
                # A few lines of aliases can stand for billions of entries.
                self._refuse(name, "aliases (*name) are not allowed: write the content out", line)
                return False
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            self._nodes += isinstance(event, yaml.NodeEvent)
            if depth > MAX_DEPTH:
                self._refuse(name, f"nested deeper than {MAX_DEPTH} levels", line)
                return False
            if documents > 1:
                self._refuse(name, "a second document (---) begins here: one file is one document", line)
                return False
            if self._nodes > MAX_NODES:
                self._refuse(name, f"all files together have more than {MAX_NODES} entries", line)
                return False
        return True


class Directory(Reading):
    """A directory in peribolos format: ``org.yaml``, and ``teams.yaml`` at any depth below."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root.resolve()
        self.unread: list[str] = []

    def documents(self) -> Iterator[tuple[str, yaml.Node]]:
        """Yield the name and the content of each file, ``org.yaml`` first."""
        if not self.root.is_dir():
            self.problems.append(f"{self.root}: there is no such directory")
            return
        found = self._files()
        if ORGANIZATION not in found:
            self.problems.append(f"{ORGANIZATION}: there is no such file in {self.root}")
        if len(found) > MAX_FILES:
            self.problems.append(f"{self.root}: {len(found)} files are more than {MAX_FILES}")
            return
        for name in sorted(found, key=lambda one: (one != ORGANIZATION, one)):
            raw = self._raw(name)
            node = self.node(name, raw) if raw is not None else None
            if node is not None:
                yield name, node

    def _files(self) -> list[str]:
        found = []
        for folder, folders, names in os.walk(self.root, onerror=self._unreadable):
            folders[:] = sorted(one for one in folders if not one.startswith("."))
            for one in list(folders):
                path = self.root / folder / one
                if path.is_symlink():
                    # Following links between directories may never end, and would read teams twice.
                    self._refuse(self._name(path), "a linked directory is not followed")
                    folders.remove(one)
            at_top = self.root.samefile(folder)
            for one in sorted(names):
                name = self._name(self.root / folder / one)
                if one == TEAMS or (one == ORGANIZATION and at_top):
                    found.append(name)
                elif one.endswith((".yaml", ".yml")):
                    self.unread.append(name)
        return found

    def _unreadable(self, error: OSError) -> None:
        self._refuse(str(error.filename), f"cannot be read: {error.strerror}")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _raw(self, name: str) -> bytes | None:
        path = self.root / name
        target = path.resolve()
        if not target.is_relative_to(self.root):
            self._refuse(name, "a link that leads out of the directory is not followed")
            return None
        if not target.is_file():
            self._refuse(name, "not a regular file")
            return None
        try:
            with target.open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            self._refuse(name, f"cannot be read: {error.strerror}")
            return None


def _position(before: bytes) -> tuple[int, int]:
    """Return line and column, from 1, of what comes after these bytes."""
    lines = re.split(rb"\r\n|\r|\n", before)
    return len(lines), len(lines[-1].decode(errors="replace")) + 1
