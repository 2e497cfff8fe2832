"""``manage.py verify_log``: find what was changed in the usage log since it was sealed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from accounts import selectors
from core.actor import Actor
from core.errors import DomainError
from logs.chain.checkpoints import public_key
from logs.chain.verification import Verification, names

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Prints a line for each finding, with where; ends with 1 if there is one, else with 0."""

    help = "Find altered, removed, inserted, swapped and cut-off entries of the usage log (docs/logs.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what the command line may say."""
        parser.add_argument(
            "--since", metavar="DATE", default="", help="only from the first entry of this day on"
        )
        parser.add_argument(
            "--checkpoints",
            metavar="FILE",
            default="",
            help="hold it against these checkpoints, too: of the file, or as they came by mail or webhook",
        )
        parser.add_argument("--organization", metavar="NAME", default="", help="only the chain of its log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the log, and tell."""
        copy = Path(options["checkpoints"]) if options["checkpoints"] else None
        if copy is not None and not copy.is_file():
            raise CommandError(f"There is no file {copy}")
        verification = Verification(_scopes(options["organization"]), _since(options["since"]), copy)
        known: dict[int, str] = {}
        for finding in verification.run():
            if finding.scope not in known:
                known |= names([finding.scope])
            where = f"position {finding.where}  entry {finding.entry or '-'}"
            self.stdout.write(f"{finding.sort.upper():<10} {known[finding.scope]}  {where}  {finding.words}")
        for file in verification.unsealed_files:
            self.stdout.write(f"{file} was written before the log was sealed: nothing in it is proven.")
        found = sum(verification.found.values())
        told = ", ".join(f"{count} {sort}" for sort, count in sorted(verification.found.items()))
        self.stdout.write(
            f"{verification.seals} entries in {verification.chains} chains, {verification.archived} of them "
            f"in the archive, {verification.erased} with something erased; sealed up to {verification.mark}."
        )
        checked = verification.checkpoints
        last = f", the last of {checked.last:%Y-%m-%d %H:%M} UTC" if checked.last else ""
        self.stdout.write(f"{checked.count} checkpoints{last}; public key {public_key()}.")
        if found:
            self.stdout.write(f"Findings: {told}.")
            sys.exit(1)
        self.stdout.write("Nothing was changed.")


def _scopes(name: str) -> list[int] | None:
    if not name:
        return None
    try:
        found = selectors.organization(actor=Actor.of_system(), name=name)
    except DomainError as error:
        raise CommandError(error.message) from error
    return [found.namespace.pk]


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is no date: write 2026-03-01") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
