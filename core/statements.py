"""Statements of one shape: sent with their values apart, and planned by PostgreSQL once a connection.

psycopg counts and prepares them, as it does all that is asked often. What it has prepared is sent by one
call of libpq: its cursors take the statement apart and put it together anew each time, which takes longer
than PostgreSQL does to find a row. See docs/adr/0012.
"""

from __future__ import annotations

import re
import secrets
import select
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

LOWEST = 1 << 62  # from where on numbers of statements are taken
KEPT_MAX = 400  # on a connection: there are some hundred, and each again for small and for large numbers


class Statement:
    """SQL with ``%s`` where values go.

    ``planned``: PostgreSQL may keep its plan. It must not where the best one hangs on the values: how much of
    a table a namespace is, how long a range.
    """

    def __init__(self, sql: str, *, planned: bool = True) -> None:
        self.sql, self.planned = sql, planned
        self._numbered = numbered(sql)
        self._formats: list[Any] | None = None

    def run(self, values: Sequence[Any], database: BaseDatabaseWrapper) -> tuple[list[Any], int]:
        """Return all rows, and how many rows were found or changed.

        Raises:
            DatabaseError: as a cursor's ``execute`` does.
        """
        # Who counts or times statements sees each of them, on a cursor as ever.
        if database.vendor == "postgresql" and not (database.queries_logged or database.execute_wrappers):
            found = self._send(values, database)
            if found is not None:
                return found
        with cursor_of(database) if self.planned else database.cursor() as cursor:
            cursor.execute(self.sql, values)
            return (cursor.fetchall() if cursor.description else []), cursor.rowcount

    def _send(self, values: Sequence[Any], database: BaseDatabaseWrapper) -> tuple[list[Any], int] | None:
        """Ask by libpq's own call; nothing where a cursor has to, to prepare."""
        from psycopg import Binary, pq
        from psycopg.adapt import PyFormat, Transformer

        database.ensure_connection()
        database.validate_no_broken_transaction()
        raw: Any = database.connection
        server = raw.pgconn
        begins = not raw.autocommit and server.transaction_status == pq.TransactionStatus.IDLE
        if raw._pipeline is not None or not (
            raw.autocommit or begins or server.transaction_status == pq.TransactionStatus.INTRANS
        ):
            return None
        if self._formats is None:
            self._formats = [PyFormat.AUTO] * len(values)
        transformer = Transformer(raw)
        with database.wrap_database_errors:
            # Bytes without Django's wrapping, which says the same and is looked through by a longer way.
            plain = [value.obj if isinstance(value, Binary) else value for value in values]
            sent = transformer.dump_sequence(plain, self._formats)
            if self.planned:
                names = raw._prepared._names
                key = self._numbered, transformer.types
                name = names.get(key)
                if name is None:
                    return None
                names.move_to_end(key)
            if begins:
                with _one_way(raw):
                    server.send_query_params(raw._get_tx_start_command(), None)
                    if self.planned:
                        server.send_query_prepared(name, sent, transformer.formats)
                    else:
                        server.send_query_params(self._numbered, sent, transformer.types, transformer.formats)
                    server.pipeline_sync()
                    begun, result, _ = answers(server), answers(server), answer(server)
                if begun.status != pq.ExecStatus.COMMAND_OK:
                    raise error_of(begun, server)
            elif self.planned:
                result = server.exec_prepared(name, sent, transformer.formats)
            else:
                # Without a name: planned for these values, and forgotten.
                result = server.exec_params(self._numbered, sent, transformer.types, transformer.formats)
            status = result.status
            if status == pq.ExecStatus.TUPLES_OK:
                transformer.set_pgresult(result)
                return transformer.load_rows(0, result.ntuples, tuple), result.ntuples
            if status == pq.ExecStatus.COMMAND_OK:
                return [], result.command_tuples or 0
            raise error_of(result, server)


@contextmanager
def _one_way(raw: Any) -> Iterator[None]:
    """Let much be sent before the first answer comes; a connection that is left halfway is closed."""
    server = raw.pgconn
    server.enter_pipeline_mode()
    try:
        yield
        server.exit_pipeline_mode()
    except BaseException:
        raw.close()
        raise


def answers(server: Any) -> Any:
    """Return the answer to one of the commands that were sent: the last one, where there are several."""
    last = None
    while (found := answer(server)) is not None:
        last = found
    return last


def answer(server: Any) -> Any:
    """Return the next answer, or None behind the last one of a command; other threads go on meanwhile."""
    ready = None
    while (unsent := server.flush()) or server.is_busy():
        ready = ready or select.poll()
        ready.register(server.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        ready.poll()
        server.consume_input()
    return server.get_result()


def error_of(result: Any, server: Any) -> Exception:
    """Return what libpq says by a result that is none."""
    from psycopg import OperationalError, pq
    from psycopg.errors import error_from_result

    error = error_from_result(result)
    if server.status == pq.ConnStatus.BAD and not isinstance(error, OperationalError):
        # The server hung up, which libpq tells without one of its codes.
        hung_up = OperationalError(str(error))
        hung_up.__cause__ = error
        return hung_up
    return error


def numbered(sql: str) -> bytes:
    """Return a statement with places as PostgreSQL has them: ``$1``, ``$2``."""
    numbers = count(1)
    return re.sub("%(.)", lambda found: f"${next(numbers)}" if found[1] == "s" else "%", sql).encode()


def cursor_of(database: BaseDatabaseWrapper) -> Any:
    """Return a cursor that sends values apart from the statement, which is planned once where it can be."""
    if database.vendor != "postgresql":
        return database.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    # Values apart from the statement: psycopg prepares what is asked often. Counted and timed like any other.
    database.ensure_connection()
    _name_apart(database.connection)
    with database.wrap_database_errors:
        raw = ServerBindingCursor(database.connection)  # type: ignore[call-arg] # stubs lack psycopg's base
    return database._prepare_cursor(raw)  # type: ignore[attr-defined] # what cursor() ends with, not in stubs


def _name_apart(raw: Any) -> None:
    """Let a connection's statements have names that no other connection's have.

    psycopg numbers them from nought on each. Where a pooler lends one session to several connections, the
    first of one would answer for the first of another, with rows that nobody asked for. So each begins to
    count somewhere else, and such a pooler is met with an error.
    """
    manager = raw._prepared
    if manager._prepared_idx < LOWEST:
        manager._prepared_idx = LOWEST + secrets.randbits(62)
        raw.prepared_max = KEPT_MAX
