"""Keys the embedded default makes for itself, and where its Valkey listens. Read by settings only."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

# The longest path a Unix socket may have on Linux is 107 bytes.
SOCKET_PATH_MAX = 100


def own(directory: Path, name: str, *, production: bool) -> str:
    """Return the key kept in ``directory/name``, made there on first use with mode 0600.

    In production nothing is made: the empty string is returned and the system checks refuse to start.
    """
    path = directory / name
    if not path.exists():
        if production:
            return ""
        # The directory of everything is made here at the very first start; nobody else may look into it.
        for made in (directory.parent, directory):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        value = Fernet.generate_key().decode() if name == "encryption_keys" else secrets.token_urlsafe(48)
        # Several processes may start at once: the first link wins, the others read what it wrote.
        draft = directory / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def socket_path(data: Path) -> Path:
    """Return where the embedded Valkey listens: below ``data``, or in a short place if that is long."""
    path = data / "run" / "valkey.sock"
    if len(str(path).encode()) <= SOCKET_PATH_MAX:
        return path
    mark = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"muster-{os.getuid()}-{mark}" / "valkey.sock"
