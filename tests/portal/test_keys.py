import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet

from portal import broker, keys


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_once_and_for_this_user_alone(tmp_path):
    directory = tmp_path / "data" / "keys"
    key = keys.own(directory, "secret_key", production=False)
    assert len(key) >= 50
    assert keys.own(directory, "secret_key", production=False) == key
    assert keys.own(directory, "token_pepper", production=False) != key
    assert [mode(path) for path in (tmp_path / "data", directory, directory / "secret_key")] == [
        0o700,
        0o700,
        0o600,
    ]


def test_sealing_keys_have_the_form_that_sealing_needs(tmp_path):
    key = Fernet(keys.own(tmp_path, "encryption_keys", production=False))
    assert key.decrypt(key.encrypt(b"sealed")) == b"sealed"


def test_processes_that_start_at_once_agree(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: keys.own(tmp_path / "keys", "pepper", production=False), range(64)))
    assert len(set(made)) == 1
    assert os.listdir(tmp_path / "keys") == ["pepper"]


def test_production_makes_none(tmp_path):
    assert keys.own(tmp_path / "keys", "secret_key", production=True) == ""
    assert not (tmp_path / "keys").exists()


def test_the_socket_moves_where_a_path_is_too_long(tmp_path):
    assert keys.socket_path(tmp_path / "d") == tmp_path / "d" / "run" / "valkey.sock"
    long = keys.socket_path(tmp_path / ("d" * 100))
    assert len(str(long)) < 100
    assert long != keys.socket_path(tmp_path / ("e" * 100))


# Where the embedded server keeps to itself ---------------------------------------------------------------


def test_a_private_directory_is_made_or_tightened(tmp_path):
    broker.make_private(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700
    (tmp_path / "open").mkdir(mode=0o777)
    broker.make_private(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o700


def test_a_planted_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        broker.make_private(tmp_path / "run")


def test_a_server_on_path_comes_before_the_bundled_one(tmp_path, monkeypatch):
    def program(name, says):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program("redis-server", "Redis server v=7.2.4 sha=00000000:0")
    assert broker.find().flavour == "redis-7"
    program("valkey-server", "Valkey server v=8.1.0 sha=00000000:0")
    assert broker.find().flavour == "valkey-8"
    # One that is too old, or is none, is passed over.
    program("valkey-server", "Valkey server v=5.0.0 sha=00000000:0")
    assert broker.find().flavour == "redis-7"
    program("redis-server", "go away")
    assert broker.find().program.parent != tmp_path


def test_the_server_listens_to_its_socket_alone_and_forgets_nothing(tmp_path):
    server = broker.find()
    command = broker.command(server, data=tmp_path, listen=tmp_path / "run" / "valkey.sock")
    said = dict(zip(command[1::2], command[2::2], strict=True))
    assert said["--port"] == "0"
    assert said["--appendonly"] == "yes"
    assert said["--maxmemory-policy"] == "noeviction"
    assert said["--dir"] == str(tmp_path / "broker" / server.flavour)
