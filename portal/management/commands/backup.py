import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection


class Command(BaseCommand):
    """Copies what must not be lost of an instance on SQLite, while it runs."""

    help = "Write the SQLite database and the keys into one tar file, while Muster runs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", type=Path, help="must not exist yet")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Write it, whole or not at all."""
        if connection.vendor != "sqlite":
            raise CommandError("The database is PostgreSQL: use pg_dump, see docs/operations.md")
        if file.exists():
            raise CommandError(f"{file} exists already")
        if not file.parent.is_dir():
            raise CommandError(f"There is no directory {file.parent}")
        source = Path(settings.DATABASES["default"]["NAME"])
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".muster-") as draft:
            copy, archive = Path(draft) / source.name, Path(draft) / "archive"
            # SQLite's own way: one consistent state, whatever is written meanwhile.
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(copy)) as new:
                old.backup(new)
                # Rather fail now than when it is needed.
                if new.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    raise CommandError(f"{source} is damaged")
            # It holds every secret: for this user alone, from the first byte.
            descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as whole, tarfile.open(fileobj=whole, mode="w") as tar:
                tar.add(copy, arcname=source.name)
                if settings.KEY_DIR.is_dir():
                    tar.add(settings.KEY_DIR, arcname="keys")
            archive.rename(file)
        self.stdout.write(f"{file}: {file.stat().st_size:,} bytes.")
