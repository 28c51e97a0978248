"""A real server of the S3 protocol that checks signatures and rights: moto's, in a process of its own."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from base.supervise import spawn, stop

REGION = "us-east-1"
_OPEN_ACTIONS = "3"  # that moto lets pass unchecked: the user is made by them


@dataclass(frozen=True)
class ObjectStore:
    """Where it listens, and keys that may do everything."""

    endpoint: str
    access_key: str
    secret_key: str
    log: Path

    def requests(self, method: str) -> int:
        """How many requests of a method it has answered with 200."""
        return self.log.read_text().count(f'"{method} /')

    def client(self, **options: Any) -> Any:
        """Amazon's own client, with the keys."""
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION, **{**keys, **options})

    def secret(self, scope: str, **more: str) -> str:
        """A section of a secrets file that covers `scope`."""
        given = {
            "scope": scope,
            "endpoint": self.endpoint,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "region": REGION,
            **more,
        }
        lines = "".join(f'{key} = "{value}"\n' for key, value in given.items())
        return f"[{scope.partition('://')[2].partition('/')[0].replace('.', '-')}]\n{lines}"


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Start a store on a free port, stop it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ["env", f"INITIAL_NO_AUTH_ACTION_COUNT={_OPEN_ACTIONS}", sys.executable, "-m", "moto.server"]
    process = spawn([*argv, "-H", "127.0.0.1", "-p", str(port)], folder / "store.log")
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "store.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield _with_user(f"http://127.0.0.1:{port}", folder / "store.log")
    finally:
        stop(process, 10)


def _with_user(endpoint: str, log: Path) -> ObjectStore:
    keys = {"aws_access_key_id": "first", "aws_secret_access_key": "first"}
    users = boto3.client("iam", endpoint_url=endpoint, region_name=REGION, **keys)
    users.create_user(UserName="lake")
    key = users.create_access_key(UserName="lake")["AccessKey"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    users.put_user_policy(UserName="lake", PolicyName="all", PolicyDocument=json.dumps(everything))
    return ObjectStore(endpoint, key["AccessKeyId"], key["SecretAccessKey"], log)
