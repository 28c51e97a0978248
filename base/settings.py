"""Every setting of the product, in one frozen object, and the places it comes from.

A flag wins over the environment (`WARMFRONT_<NAME>`), that over `warmfront.toml`, that over the default.
The supervisor adds the `Upstream` it found or started and writes all of it to `DIR/run/settings.json`,
which is the only argument of the engine and of the proxy workers.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from base.errors import SettingsError
from base.paths import Paths

ENVIRONMENT_PREFIX = "WARMFRONT_"
# The test harness reads these itself; they are no settings of the product.
_FOREIGN_ENVIRONMENT = ("WARMFRONT_TEST_",)
_SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _default_data_dir() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "warmfront"


def _default_mysql_prefix() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "warmfront-mysql"


def _setting(
    default: Any, text: str, choices: tuple[str, ...] = (), unit: str = "", low: float = 0, high: float = float("inf")
) -> Any:
    metadata = {"help": text, "choices": choices, "unit": unit, "low": low, "high": high}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Upstream:
    """The backend as the supervisor found it. `version` is what the server says of itself."""

    kind: Literal["mysql", "mariadb"]
    host: str
    port: int
    socket: str | None
    user: str
    password: str = field(repr=False)
    version: str = ""

    @property
    def is_mariadb(self) -> bool:
        """Tell whether the backend is MariaDB."""
        return self.kind == "mariadb"

    @property
    def version_number(self) -> tuple[int, int, int]:
        """The version as numbers, (9, 7, 0)."""
        found = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. The text beside each is what `warmfront up --help` and docs/settings.md show."""

    host: str = _setting("127.0.0.1", "Address that clients connect to.")
    port: int = _setting(3307, "Port that clients connect to; 0 takes a free one.", high=65535)
    socket: Path | None = _setting(None, "Socket file that clients on this machine may connect to as well.")
    data_dir: Path = _setting(_default_data_dir, "Folder of everything this instance keeps.")
    backend: str | None = _setting(
        None,
        "mysql://USER:PASSWORD@HOST:PORT of the MySQL or MariaDB server to put warmfront before; "
        "without it a private one is started in the data dir.",
    )
    backend_tls: str = _setting(
        "preferred",
        "TLS to the backend; verify also checks the certificate and the name in it.",
        choices=("disabled", "preferred", "required", "verify"),
    )
    backend_tls_ca: Path | None = _setting(
        None, "PEM file with the authorities that may sign the backend's certificate."
    )
    tls: str = _setting(
        "preferred",
        "TLS to clients: disabled offers none, required refuses clients without.",
        choices=("disabled", "preferred", "required"),
    )
    tls_cert: Path | None = _setting(
        None, "PEM file with the certificate to show clients, instead of the one made at first start."
    )
    tls_key: Path | None = _setting(None, "PEM file with the key of tls_cert.")
    proxy_protocol_networks: str = _setting(
        "",
        "Load balancers whose PROXY header is believed: networks with commas between them, localhost for the socket "
        "file, * for all.",
    )
    backend_proxy_protocol: bool = _setting(
        False,
        "Tell a MariaDB backend by a PROXY header where each client is from; its own proxy_protocol_networks must have "
        "this machine.",
    )
    mysql_prefix: Path = _setting(_default_mysql_prefix, "Folder that a fetched MySQL server is kept in.")
    mysqld: Path | None = _setting(
        None, "Server program of the private backend, instead of the first good one found on PATH."
    )
    autoload: bool = _setting(True, "Copy every InnoDB table of the user schemas by itself.")
    workers: int = _setting(0, "Proxy processes; 0 makes one per core.")
    engine_memory_limit: int = _setting(
        0, "Memory the column store may use; 0 takes half of the machine's.", unit="bytes"
    )
    ml_memory_limit: int = _setting(
        0, "Memory that the process training a model may use; 0 takes half of the machine's.", unit="bytes"
    )
    engine_threads: int = _setting(0, "Threads of the column store; 0 makes one per core.")
    engine_nice: int = _setting(
        0,
        "The engine's nice value, for machines whose processors are all busy: below 0 copies are fresher and queries "
        "faster, at the cost of what runs beside it (needs CAP_SYS_NICE); above 0 the engine gives way.",
        low=-20,
        high=19,
    )
    engine_hang_seconds: int = _setting(
        60,
        "How long the engine may neither answer nor work before it is ended and started again; 0 never ends it.",
        unit="seconds",
    )
    freshness: str = _setting(
        "strict",
        "Whether an offloaded query waits until the copy has every commit made before it; a session chooses with "
        "SET warmfront_freshness.",
        choices=("strict", "relaxed"),
    )
    freshness_timeout: float = _setting(
        5.0, "How long an offloaded query waits for the copy to be fresh before it goes to the backend.", unit="seconds"
    )
    any_spelling: bool = _setting(
        False,
        "Of texts that are equal in different spellings (Paris and paris, as most collations have it) the servers show "
        "for a group, a MIN or a MAX whichever their plan meets first. A query of such texts goes to the backend; with "
        "this it is offloaded, and the first spelling by its bytes is shown. A session chooses with "
        "SET warmfront_any_spelling.",
    )
    load_connections: int = _setting(2, "Connections to the backend that read one table while it is loaded.", low=1)
    batch_interval_ms: int = _setting(
        200, "Longest time changes are collected before they are applied when nobody waits.", unit="milliseconds", low=1
    )
    batch_bytes: int = _setting(
        64 << 20, "Most bytes of changes that are collected before they are applied.", unit="bytes", low=1 << 16
    )
    verify_interval: float = _setting(
        86400.0,
        "How long after its load or its last verification a table is compared with its source in the background; "
        "0 never does.",
        unit="seconds",
    )
    verify_rate: int = _setting(
        20000, "Most rows that the verification in the background compares.", unit="rows per second", low=1
    )
    secondary_engine_cost_threshold: float = _setting(
        100000.0, "Estimated cost above which a query is offloaded, in the backend optimizer's units."
    )
    shadow_percent: float = _setting(
        0.0,
        "Share of the offloaded statements that run once more on the backend while the engine is idle, to be compared; "
        "what differs is not offloaded any more.",
        unit="percent",
        low=0,
        high=100,
    )
    lakehouse_paths: tuple[Path, ...] = _setting(
        (), "Folders that lake tables may be read from and exports written to, with all below them; divided by :."
    )
    lakehouse_secrets: Path | None = _setting(
        None, "TOML file of mode 0600 with the keys of object stores, each for a scope: docs/lakehouse.md."
    )
    lakehouse_private_addresses: bool = _setting(
        False, "Whether https:// addresses of lake tables may lead to this machine and to private networks."
    )
    lakehouse_exporters: tuple[str, ...] = _setting(
        (),
        "Accounts (name, or name@host) that may write query results to files; others need a granted role "
        "EXPORT_QUERY_RESULTS. Divided by commas.",
    )
    lakehouse_export_chunk: int = _setting(
        128 << 20, "Size of an export's files before compression.", unit="bytes", low=1 << 10
    )
    lakehouse_refresh_interval: float = _setting(
        60.0, 'Time between looks at the files of lake tables with "auto_refresh".', unit="seconds", low=0.1
    )
    max_packet: int = _setting(64 << 20, "Largest packet taken from a client.", unit="bytes", low=1 << 20)
    connect_timeout: float = _setting(10.0, "Longest time a client's login may take.", unit="seconds", low=0.1)
    log_level: str = _setting(
        "info", "Least severe message that is logged.", choices=("debug", "info", "warning", "error")
    )
    upstream: Upstream | None = field(default=None, metadata={"runtime": True})

    @property
    def paths(self) -> Paths:
        """The files of the data dir."""
        return Paths(self.data_dir)

    @property
    def server(self) -> Upstream:
        """The backend. Raises SettingsError before the supervisor has found it."""
        if self.upstream is None:
            raise SettingsError("the settings name no backend that was found")
        return self.upstream

    def with_upstream(self, upstream: Upstream, host: str, port: int) -> "Settings":
        """The same settings with the backend that was found and the address that clients connect to."""
        return replace(self, upstream=upstream, host=host, port=port)

    def to_json(self) -> str:
        """Write everything, the backend's password included: for run/settings.json, mode 0600."""
        return json.dumps(asdict(self), default=str, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote. Raises SettingsError."""
        try:
            raw = json.loads(text)
            upstream = raw.pop("upstream", None)
            settings = cls(**_checked(raw, "run/settings.json"))
            return replace(settings, upstream=Upstream(**upstream) if upstream else None)
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingsError(f"run/settings.json cannot be read: {error}") from error

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read run/settings.json. Raises SettingsError when there is none or it is broken."""
        try:
            return cls.from_json(Path(path).read_text())
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from error


def setting_names() -> list[str]:
    """Names of everything that can be set, in order."""
    return [item.name for item in fields(Settings) if not item.metadata.get("runtime")]


def load(
    flags: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None, toml: Path | None = None
) -> Settings:
    """Put the settings together: flag, then environment, then TOML file, then default.

    Flags that are None count as not given; `toml` None means no file. Raises SettingsError.
    """
    merged: dict[str, Any] = {}
    if toml is not None:
        merged.update(_checked(_read_toml(toml), str(toml)))
    merged.update(_checked(_from_environment(os.environ if env is None else env), "the environment"))
    merged.update(_checked({k: v for k, v in (flags or {}).items() if v is not None}, "the command line"))
    return Settings(**merged)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _from_environment(env: Mapping[str, str]) -> dict[str, str]:
    found = {}
    names = setting_names()
    for key, value in env.items():
        if not key.startswith(ENVIRONMENT_PREFIX) or key.startswith(_FOREIGN_ENVIRONMENT):
            continue
        name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in names:
            nearest = _nearest(name, names)
            hint = f"; did you mean {ENVIRONMENT_PREFIX}{nearest.upper()}?" if nearest else ""
            raise SettingsError(f"unknown setting {key} in the environment{hint}")
        found[name] = value
    return found


def _nearest(name: str, names: list[str]) -> str | None:
    found = difflib.get_close_matches(name.lower().replace("-", "_"), names, n=1, cutoff=0.4)
    return found[0] if found else None


def _checked(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {item.name: item for item in fields(Settings) if not item.metadata.get("runtime")}
    out = {}
    for name, value in raw.items():
        if name not in known:
            nearest = _nearest(name, list(known))
            hint = f"; did you mean {nearest}?" if nearest else ""
            raise SettingsError(f"unknown setting {name} in {where}{hint}")
        out[name] = _convert(known[name], value, where)
    return out


def _convert(item: Any, value: Any, where: str) -> Any:
    """Turn text or a TOML value into the field's type; sizes may end in K, M, G or T."""
    optional = type(None) in get_args(item.type)
    if optional and value in (None, ""):
        return None
    kind = get_args(item.type)[0] if optional else item.type
    convert, description = _CONVERTERS[kind]
    try:
        converted = convert(value, item.metadata["unit"])
    except (ValueError, TypeError):
        raise SettingsError(f"{item.name} = {value!r} in {where} is not {description}") from None
    choices = item.metadata["choices"]
    if choices and converted not in choices:
        raise SettingsError(f"{item.name} = {value!r} in {where} is not one of {', '.join(choices)}")
    if isinstance(converted, (int, float)) and not isinstance(converted, bool):
        if converted < item.metadata["low"]:
            raise SettingsError(f"{item.name} = {value!r} in {where} is less than {item.metadata['low']}")
        if converted > item.metadata["high"]:
            raise SettingsError(f"{item.name} = {value!r} in {where} is more than {item.metadata['high']}")
    return converted


def _to_bool(value: Any, _unit: str) -> bool:
    table = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    try:
        return table[str(value).lower()]
    except KeyError:
        raise ValueError from None


def _to_int(value: Any, unit: str) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    if isinstance(value, str) and unit == "bytes":
        found = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", value.strip().lower())
        if not found:
            raise ValueError
        return int(found[1]) * _SIZE_UNITS[found[2]]
    return int(value)


def _to_float(value: Any, _unit: str) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def _to_str(value: Any, _unit: str) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _to_path(value: Any, _unit: str) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise TypeError
    return Path(value).expanduser().absolute()


def _to_paths(value: Any, unit: str) -> tuple[Path, ...]:
    return tuple(_to_path(item, unit) for item in _items(value, os.pathsep))


def _to_texts(value: Any, unit: str) -> tuple[str, ...]:
    return tuple(_to_str(item, unit).strip() for item in _items(value, ","))


def _items(value: Any, divider: str) -> list[Any]:
    """A TOML list, or text with dividers."""
    if isinstance(value, str):
        return [item for item in value.split(divider) if item.strip()]
    return list(value)


_CONVERTERS: dict[Any, tuple[Callable[[Any, str], Any], str]] = {
    bool: (_to_bool, "true or false"),
    int: (_to_int, "a whole number"),
    float: (_to_float, "a number"),
    str: (_to_str, "text"),
    Path: (_to_path, "a path"),
    tuple[Path, ...]: (_to_paths, "a list of paths"),
    tuple[str, ...]: (_to_texts, "a list of texts"),
}
