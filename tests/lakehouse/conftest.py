"""A real object store and a real web server for the tests of places."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from base.settings import Settings, load
from lakehouse.stores.places import Places
from tests.live.object_store import ObjectStore, object_store


@pytest.fixture(scope="session")
def store() -> Iterator[ObjectStore]:
    """A store with the bucket `lake`."""
    with tempfile.TemporaryDirectory() as folder, object_store(Path(folder)) as made:
        made.client().create_bucket(Bucket="lake")
        yield made


@pytest.fixture
def secrets_file(tmp_path: Path, store: ObjectStore) -> Path:
    """The keys of the bucket."""
    path = tmp_path / "secrets.toml"
    path.write_text(store.secret("s3://lake/"))
    path.chmod(0o600)
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder that is allowed."""
    made = tmp_path / "lake"
    made.mkdir()
    return made


@pytest.fixture
def places(lake: Path) -> Callable[..., Places]:
    """Make places of the folder; more settings as arguments."""

    def make(**more: object) -> Places:
        return Places(settings_of(**{"lakehouse_paths": [lake], **more}))

    return make


def settings_of(**given: object) -> Settings:
    """Settings of the arguments alone."""
    return load(given, env={})
