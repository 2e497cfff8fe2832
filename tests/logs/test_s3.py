"""Exports on S3-compatible storage: a real server of it, on loopback, in a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from logs import downloads, services, tasks
from logs.models import LogExport
from tests.faults.servers import free_ports, wait_until
from tests.logs import written
from tests.logs.written import WEEK

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore.exceptions")
pytest.importorskip("moto")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
BUCKET = "muster-exports"
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
STORAGE = """
import json, os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from django.conf import settings
told = settings.STORAGES["exports"]
told["OPTIONS"].pop("transfer_config")
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Where the server listens, and a client of it."""
    [port] = free_ports(1)
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("w") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=words,
            stderr=words,
        )
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **KEYS)

    def is_up():
        assert process.poll() is None, log.read_text()
        try:
            client.list_buckets()
        except (botocore.BotoCoreError, botocore.ClientError):
            return False
        return True

    try:
        wait_until(is_up, "the S3 server answers", 120)
        client.create_bucket(Bucket=BUCKET)
        yield f"http://127.0.0.1:{port}", client
    finally:
        process.kill()
        process.wait(10)
        client.close()


@pytest.fixture
def bucket(server, settings, tmp_path):
    """The exports' storage as the settings make it for an operator who names a bucket; its keys."""
    url, client = server
    environment = os.environ | {
        "MUSTER_S3_BUCKET": BUCKET,
        "MUSTER_S3_ENDPOINT": url,
        "MUSTER_S3_REGION": "us-east-1",
        "MUSTER_S3_ACCESS_KEY": "testing",
        "MUSTER_S3_SECRET_KEY": "testing",
        "MUSTER_DATA": str(tmp_path / "other"),
        "DJANGO_DEBUG": "1",
    }
    told = subprocess.run(
        [sys.executable, "-c", STORAGE],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        check=True,
    ).stdout
    settings.STORAGES = {**settings.STORAGES, "exports": json.loads(told)}
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])

    def keys():
        return sorted(one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", []))

    return keys


def build(export):
    LogExport.objects.filter(pk=export.pk).update(due_at=timezone.now())
    tasks.build_export(export.pk)
    export.refresh_from_db()


def path(export):
    return downloads.link(export).removeprefix("http://127.0.0.1:8000")


def test_an_export_in_a_bucket(acme, owner, client, bucket, settings):
    settings.EXPORT_PART_ROWS = 7
    written.entries(acme, 20)
    export = services.request_export(actor=owner, namespace=acme.namespace, file_format="csv", **WEEK)
    whole, _, found = written.file_in_one(export)
    build(export)
    assert (export.status, export.sha256) == ("done", found.sha256)
    assert bucket() == [part.storage_name for part in export.parts.order_by("number")]
    assert len(bucket()) == 3
    # By our own link, which can be taken back at once.
    answer = client.get(path(export))
    assert b"".join(answer) == whole
    assert answer.headers["Content-Length"] == str(len(whole))
    middle = export.parts.get(number=1).size_bytes
    answer = client.get(path(export), headers={"Range": f"bytes={middle - 3}-{middle + 2}"})
    assert (answer.status_code, b"".join(answer)) == (206, whole[middle - 3 : middle + 3])
    told = client.get(f"{path(export)}/manifest.json").json()
    assert told["sha256"] == hashlib.sha256(whole).hexdigest()
    services.cancel_export(actor=owner, export=export)
    assert client.get(path(export)).status_code == 404
    build(export)
    assert bucket() == []


def test_a_part_that_is_gone_or_altered_is_written_again(acme, owner, bucket, server, settings):
    settings.EXPORT_PART_ROWS = 7
    written.entries(acme, 20)
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    build(export)
    sha256 = export.sha256
    _, s3 = server
    for spoil in (
        lambda key: s3.delete_object(Bucket=BUCKET, Key=key),
        lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"x"),
    ):
        spoil(export.parts.get(number=2).storage_name)
        LogExport.objects.update(status="running")
        build(export)
        assert (export.status, export.sha256) == ("done", sha256)
        assert bucket() == [part.storage_name for part in export.parts.order_by("number")]


def test_a_file_that_is_gone_is_not_found(acme, owner, client, bucket, server):
    written.entries(acme, 2)
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    build(export)
    server[1].delete_object(Bucket=BUCKET, Key=export.parts.get().storage_name)
    assert client.get(path(export)).status_code == 404


def test_a_bucket_that_is_gone_costs_an_attempt(acme, owner, bucket, settings):
    written.entries(acme, 2)
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    told = settings.STORAGES["exports"]
    away = {**told, "OPTIONS": {**told["OPTIONS"], "bucket_name": "nowhere"}}
    settings.STORAGES = {**settings.STORAGES, "exports": away}
    with pytest.raises(Exception, match="NoSuchBucket"):
        build(export)
    export.refresh_from_db()
    assert (export.status, export.attempts) == ("queued", 1)
    settings.STORAGES = {**settings.STORAGES, "exports": told}
    build(export)
    assert (export.status, len(bucket())) == ("done", 1)
