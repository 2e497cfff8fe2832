"""A receiver of webhooks: a process that writes down the id and the time of everything it is sent.

It writes down the bodies, too, where it is asked to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.servers import tied, wait_until

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Sink:
    """A receiver in a process of its own."""

    port: int
    file: Path
    stall: float = 0.0
    keeps_bodies: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.faults.sink", str(self.port), str(self.file)),
                *(str(self.stall), "bodies" if self.keeps_bodies else ""),
            ],
            cwd=Path(__file__).resolve().parents[2],
            preexec_fn=tied(),
        )
        wait_until(self.file.exists, "the receiver starts")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def heard(self) -> list[tuple[str, float]]:
        """What came in: the id, and when, by the clock on the wall."""
        lines = self.file.read_text().split("\n")[:-1]
        return [(name, float(at)) for name, _, at in (line.partition(" ") for line in lines)]

    @property
    def bodies(self) -> list[tuple[str, Any]]:
        """What came in whole: the id, and the body."""
        lines = _bodies(self.file).read_bytes().split(b"\n")[:-1]
        return [
            (name.decode(), json.loads(body)) for name, _, body in (line.partition(b" ") for line in lines)
        ]

    @property
    def count(self) -> Counter[str]:
        """How often each id came in."""
        return Counter(name for name, _ in self.heard)


def _bodies(file: Path) -> Path:
    return file.with_suffix(".bodies")


async def _serve(port: int, file: Path, stall: float, keeps_bodies: bool) -> None:
    with _bodies(file).open("wb", buffering=0) as bodies, file.open("w", buffering=1) as heard:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    lines = (line.partition(": ") for line in head.split("\r\n")[1:])
                    found = {name.lower(): value for name, _, value in lines}
                    body = await reader.readexactly(int(found.get("content-length", "0")))
                    name = found.get("webhook-id", "-")
                    if keeps_bodies:
                        bodies.write(name.encode() + b" " + body + b"\n")
                    heard.write(f"{name} {time.time()}\n")
                    if stall:
                        await asyncio.sleep(stall)
                    writer.write(ANSWER)
                    await writer.drain()
                    if found.get("connection", "").lower() == "close":
                        break
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", port, backlog=512)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "bodies"))
