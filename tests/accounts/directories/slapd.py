"""A real OpenLDAP server of its own on loopback, in a directory that goes with it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import ldap3
from ldap3.core.exceptions import LDAPNoSuchObjectResult

from portal.tether import tie
from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "dc=brightwater,dc=example"
ROOT = f"cn=root,{BASE}"
ROOT_PASSWORD = "root-of-all"
READER = f"cn=muster,{BASE}"
READER_PASSWORD = "reads, and no more"
PASSWORD = "swordfish-7"
START_SECONDS = 60  # a busy machine starts it late
SCHEMAS = "/etc/ldap/schema"
CONF = """
{includes}
pidfile {folder}/pid
modulepath {modules}
moduleload back_mdb
moduleload memberof
TLSCACertificateFile {folder}/authority.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
sizelimit 1000
database mdb
suffix "{base}"
rootdn "{root}"
rootpw {password}
directory {folder}/data
maxsize 16777216
dbnosync
index objectClass,uid,entryUUID eq
overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="cn=hidden,ou=groups,{base}" attrs=member by * none
access to * by dn.exact="{reader}" read by anonymous auth by * none
"""


def find_slapd() -> str | None:
    """Return the server's program, also where root's PATH alone has it."""
    return shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/libexec")


class Slapd:
    """The server; ``stop`` and ``start`` pull its plug."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        (folder / "data").mkdir()
        certify(folder)
        self.port, self.tls_port = free_port(), free_port()
        schemas = ("core", "cosine", "inetorgperson")
        conf = CONF.format(
            includes="\n".join(f"include {SCHEMAS}/{name}.schema" for name in schemas),
            folder=folder,
            modules="/usr/lib/ldap",
            base=BASE,
            root=ROOT,
            password=ROOT_PASSWORD,
            reader=READER,
        )
        (folder / "slapd.conf").write_text(conf)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def start(self) -> None:
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [self.program, "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "0"],
                stdout=output,
                stderr=output,
                preexec_fn=partial(tie, os.getpid(), signal.SIGKILL),  # else it outlives a killed run
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise AssertionError((self.folder / "output").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    @contextmanager
    def admin(self) -> Iterator[Any]:
        server = ldap3.Server(f"ldap://127.0.0.1:{self.port}", get_info=ldap3.NONE, connect_timeout=5)
        one = ldap3.Connection(server, ROOT, ROOT_PASSWORD, raise_exceptions=True, check_names=False)
        one.bind()
        try:
            yield one
        finally:
            one.unbind()

    def fill(self) -> None:
        """Start anew: people ada, bob and eve; groups ops (ada, bob) and hidden, whose people nobody sees."""
        with self.admin() as one:
            if _exists(one, BASE):
                one.search(BASE, "(objectClass=*)")
            for dn in sorted((entry["dn"] for entry in one.response or ()), key=len, reverse=True):
                one.delete(dn)
            one.add(BASE, ["dcObject", "organization"], {"dc": "brightwater", "o": "Brightwater"})
            reader = {"cn": "muster", "userPassword": READER_PASSWORD}
            one.add(READER, ["organizationalRole", "simpleSecurityObject"], reader)
            for unit in ("people", "groups"):
                one.add(f"ou={unit},{BASE}", "organizationalUnit")
        for name in ("ada", "bob", "eve"):
            self.add_person(name)
        self.add_group("ops", "ada", "bob")
        self.add_group("hidden", "ada")

    def add_person(self, uid: str, **more: str) -> None:
        values = {"uid": uid, "cn": uid.title(), "sn": uid, "mail": f"{uid}@brightwater.example"}
        with self.admin() as one:
            one.add(person(uid), "inetOrgPerson", values | {"userPassword": PASSWORD} | more)

    def delete(self, dn: str) -> None:
        with self.admin() as one:
            one.delete(dn)

    def rename(self, dn: str, new: str) -> None:
        with self.admin() as one:
            one.modify_dn(dn, new)

    def add_group(self, name: str, *people: str) -> None:
        with self.admin() as one:
            one.add(group(name), "groupOfNames", {"member": [person(uid) for uid in people]})

    def set_group(self, name: str, *people: str) -> None:
        with self.admin() as one:
            members = [person(uid) for uid in people]
            one.modify(group(name), {"member": [(ldap3.MODIFY_REPLACE, members)]})


def _exists(connection: Any, dn: str) -> bool:
    try:
        found: bool = connection.search(dn, "(objectClass=*)", ldap3.BASE)
    except LDAPNoSuchObjectResult:
        return False
    return found


def person(uid: str) -> str:
    return f"uid={uid},ou=people,{BASE}"


def group(name: str) -> str:
    return f"cn={name},ou=groups,{BASE}"


def certify(folder: Path) -> None:
    """Write an authority's certificate, and one by it for ``localhost`` with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    today = datetime.now(UTC)
    for name, key, is_authority in (("authority", keys[0], True), ("localhost", keys[1], False)):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - timedelta(days=1))
            .not_valid_after(today + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        file = "authority" if is_authority else "server"
        (folder / f"{file}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
