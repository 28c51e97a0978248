"""Where settings come from, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from base.errors import SettingsError
from base.settings import Settings, Upstream, load, setting_names


def test_flag_beats_environment_beats_toml_beats_default(tmp_path):
    toml = tmp_path / "warmfront.toml"
    toml.write_text("port = 1\nworkers = 2\nload_connections = 3\n")
    seen = load({"port": 10, "workers": None}, {"WARMFRONT_PORT": "11", "WARMFRONT_WORKERS": "12"}, toml)
    assert (seen.port, seen.workers, seen.load_connections) == (10, 12, 3)
    assert seen.batch_interval_ms == 200


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("batch_bytes", "8M", 8 << 20),
        ("batch_bytes", "1GiB", 1 << 30),
        ("autoload", "off", False),
        ("freshness_timeout", "0.5", 0.5),
        ("backend", "", None),
        ("data_dir", "/x/y", Path("/x/y")),
    ],
)
def test_text_becomes_the_type_of_the_setting(name, text, value):
    assert getattr(load(env={f"WARMFRONT_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"WARMFRONT_PROT": "1"}, "did you mean WARMFRONT_PORT?"),
        ({"WARMFRONT_PORT": "x"}, "is not a whole number"),
        ({"WARMFRONT_PORT": "-1"}, "is less than 0"),
        ({"WARMFRONT_PORT": "70000"}, "is more than 65535"),
        ({"WARMFRONT_BATCH_BYTES": "64X"}, "is not a whole number"),
        ({"WARMFRONT_TLS": "maybe"}, "is not one of disabled, preferred, required"),
        ({"WARMFRONT_FRESHNESS_TIMEOUT": "nan"}, "is not a number"),
        ({"WARMFRONT_AUTOLOAD": "perhaps"}, "is not true or false"),
    ],
)
def test_nonsense_is_refused_by_name(env, message):
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        load(env=env)


def test_broken_toml_names_the_file(tmp_path):
    toml = tmp_path / "warmfront.toml"
    toml.write_text("port = \n")
    with pytest.raises(SettingsError, match=r"warmfront\.toml is not valid TOML"):
        load(env={}, toml=toml)
    toml.write_text("[x]\ny = 1\n")
    with pytest.raises(SettingsError, match="unknown setting x"):
        load(env={}, toml=toml)


def test_unknown_key_names_the_nearest(tmp_path):
    toml = tmp_path / "warmfront.toml"
    toml.write_text("log-levl = 'info'\n")
    with pytest.raises(SettingsError, match="did you mean log_level"):
        load(env={}, toml=toml)


def test_harness_variables_are_not_settings():
    assert load(env={"WARMFRONT_TEST_MYSQLD": "/x", "HOME": "/"}) == Settings()


def test_json_round_trip_keeps_the_backend():
    upstream = Upstream("mariadb", "h", 3306, None, "root", "p'w", "10.11.19-MariaDB-log")
    seen = Settings.from_json(Settings(workers=3).with_upstream(upstream, "::1", 4).to_json())
    assert seen.server == upstream
    assert (seen.port, seen.workers, seen.server.version_number) == (4, 3, (10, 11, 19))
    assert "p'w" not in repr(seen)


def test_broken_json_is_a_settings_error():
    for text in ("", "[]", '{"port": "x"}', '{"upstream": {"a": 1}}'):
        with pytest.raises(SettingsError):
            Settings.from_json(text)


def test_every_setting_is_documented():
    for item in fields(Settings):
        assert item.metadata.get("runtime") or item.metadata["help"].endswith(".")
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    for name in setting_names():
        assert f"`{name}`" in page


def test_lists_come_as_text_or_as_toml_lists(tmp_path: Path) -> None:
    toml = tmp_path / "warmfront.toml"
    toml.write_text('lakehouse_paths = ["/a", "/b:c"]\n')
    assert load({}, env={}, toml=toml).lakehouse_paths == (Path("/a"), Path("/b:c"))
    read = load({}, env={"WARMFRONT_LAKEHOUSE_PATHS": "/a:/b"})
    assert read.lakehouse_paths == (Path("/a"), Path("/b"))
    assert Settings.from_json(read.to_json()) == read
    with pytest.raises(SettingsError, match="is not a list of paths"):
        load({}, env={}, toml=_written(tmp_path, "lakehouse_paths = [1]"))


def _written(folder: Path, text: str) -> Path:
    path = folder / "other.toml"
    path.write_text(text)
    return path
