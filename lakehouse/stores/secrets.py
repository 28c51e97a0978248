"""The keys of object stores: who may read where, from one file that only its owner can read.

    [sales]                              # a name, for messages
    scope = "s3://sales/2026/"           # the addresses it is for; the longest scope that fits an address wins
    access_key = "…"                     # keys here, or
    secret_key = "…"
    profile = "reports"                  # keys from that profile of ~/.aws/credentials, or
    environment = true                   # keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or
    anonymous = true                     # none
    session_token = "…"                  # with keys of limited life
    region = "eu-west-1"
    endpoint = "https://store.example:9000"   # of a store that is not Amazon's
    path_style = true                    # the bucket in the path, not in the host's name; the default with an endpoint

Users name addresses, never keys or endpoints: what an address may be read with is the administrator's choice alone.
"""

import configparser
import logging
import os
import re
import stat
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from base.errors import LakeError

log = logging.getLogger(__name__)

_KEYS: dict[str, type] = {
    "scope": str,
    "access_key": str,
    "secret_key": str,
    "session_token": str,
    "profile": str,
    "environment": bool,
    "anonymous": bool,
    "region": str,
    "endpoint": str,
    "path_style": bool,
}
_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Access:
    """How a part of an object store is reached. Printing it shows no key."""

    name: str
    scope: str
    region: str = _REGION
    endpoint: str = ""  # "" for Amazon's
    path_style: bool = False
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def is_anonymous(self) -> bool:
        """Tell whether requests are not signed."""
        return not self.access_key


class Secrets:
    """The secrets file, read again whenever it has changed; without one every access is anonymous."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._entries: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def access(self, bucket: str, key: str, region: str = "") -> Access:
        """How s3://bucket/key is reached; `region` is what the user says of the bucket. Raises LakeError."""
        address = f"s3://{bucket}/{key}"
        found: tuple[str, dict[str, Any]] | None = None
        for name, entry in self._read().items():
            if _covers(entry["scope"], address) and (found is None or len(entry["scope"]) > len(found[1]["scope"])):
                found = name, entry
        if found is None:
            return Access("", f"s3://{bucket}/", region or _REGION)
        access = _access(*found, os.environ)
        if region and region != access.region:
            raise LakeError(f"region {region} is not that of the access to the bucket, {access.region}")
        return access

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._path is None:
            return {}
        with self._lock:
            try:
                found = os.stat(self._path)
                seen = found.st_ino, found.st_mtime_ns, found.st_size
                if seen != self._seen:
                    if stat.S_IMODE(found.st_mode) & 0o077:
                        raise LakeError("the file that lakehouse_secrets names can be read by others: chmod 600 it")
                    self._entries, self._seen = parse(self._path.read_text()), seen
            except (OSError, UnicodeDecodeError):
                raise LakeError("the file that lakehouse_secrets names cannot be read") from None
            return self._entries


def _covers(scope: str, address: str) -> bool:
    return address.startswith(scope) and (scope.endswith("/") or address[len(scope) :][:1] in ("", "/"))


def parse(text: str) -> dict[str, dict[str, Any]]:
    """Read a secrets file's text. Raises LakeError, which names the entry and the key but shows no value."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at [^)]*\)", str(error))  # the message itself may quote a key
        raise LakeError(f"lakehouse_secrets is no valid TOML {place[0] if place else ''}") from None
    for name, entry in raw.items():
        if not isinstance(entry, dict):
            raise LakeError(f"lakehouse_secrets: {name} is no [section]")
        for key, value in entry.items():
            if key not in _KEYS:
                raise LakeError(f"lakehouse_secrets: [{name}] has an unknown key; known are {', '.join(_KEYS)}")
            if not isinstance(value, _KEYS[key]):
                raise LakeError(f"lakehouse_secrets: {key} of [{name}] is no {_KEYS[key].__name__}")
        _check(name, entry)
    return raw


def _check(name: str, entry: dict[str, Any]) -> None:
    if not re.match(r"s3://[a-z0-9.-]", entry.get("scope", "")):
        raise LakeError(f'lakehouse_secrets: [{name}] needs scope = "s3://bucket/…"')
    sources = ["access_key" in entry, "profile" in entry, bool(entry.get("environment")), bool(entry.get("anonymous"))]
    if sum(sources) != 1 or ("access_key" in entry) != ("secret_key" in entry):
        raise LakeError(
            f"lakehouse_secrets: [{name}] needs access_key with secret_key, or one of profile, environment, anonymous"
        )
    endpoint = entry.get("endpoint", "https://")
    if not endpoint.startswith(("https://", "http://")) or urlsplit(endpoint).path not in ("", "/"):
        raise LakeError(f"lakehouse_secrets: endpoint of [{name}] is not like https://host:port")


def _access(name: str, entry: Mapping[str, Any], environment: Mapping[str, str]) -> Access:
    keys = {"access_key": "", "secret_key": "", "session_token": ""}
    if "access_key" in entry:
        keys = {key: entry.get(key, "") for key in keys}
    elif "profile" in entry:
        keys = _profile(name, entry["profile"], environment)
    elif entry.get("environment"):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        keys = dict(zip(keys, (environment.get(n, "") for n in names), strict=True))
    if not entry.get("anonymous") and not (keys["access_key"] and keys["secret_key"]):
        raise LakeError(f"the keys of [{name}] in lakehouse_secrets are not there")
    endpoint = entry.get("endpoint", "").rstrip("/")
    return Access(
        name,
        entry["scope"],
        entry.get("region", environment.get("AWS_REGION", _REGION) if entry.get("environment") else _REGION),
        endpoint,
        entry.get("path_style", bool(endpoint)),
        **keys,
    )


def _profile(name: str, profile: str, environment: Mapping[str, str]) -> dict[str, str]:
    path = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    reader = configparser.RawConfigParser()
    try:
        reader.read_string(path.read_text())
        found = reader[profile]
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
        raise LakeError(f"the profile of [{name}] in lakehouse_secrets cannot be read") from None
    return {
        "access_key": found.get("aws_access_key_id", ""),
        "secret_key": found.get("aws_secret_access_key", ""),
        "session_token": found.get("aws_session_token", ""),
    }
