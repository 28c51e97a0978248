"""The files of a data dir: a supervisor killed while it makes them leaves nothing that the next start would trust."""

import json
import os
import signal
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from base import faults
from base.settings import Settings, Upstream
from warmfront import certificates, instance

UPSTREAM = Upstream("mysql", "127.0.0.1", 3306, None, "root", "secret", "9.7.4")


def make_all(folder: Path) -> None:
    """Make every file that a start makes, in its order."""
    settings = Settings(data_dir=folder, upstream=UPSTREAM)
    with instance.claim(settings.paths):
        certificates.ensure(settings.paths)
        instance.ensure_secret(settings.paths)
        certificates.write_private(settings.paths.settings, settings.to_json().encode())
        instance.write_client_cnf(settings)
        instance.write_ready(settings)


def check_all(folder: Path) -> None:
    """Use every file as its reader does."""
    settings = Settings(data_dir=folder, upstream=UPSTREAM)
    paths = settings.paths
    ssl.create_default_context(cafile=paths.tls_ca).load_cert_chain(paths.tls_cert, paths.tls_key)
    private = serialization.load_pem_private_key(paths.rsa_private.read_bytes(), None)
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(*form) == paths.rsa_public.read_bytes()
    assert len(bytes.fromhex(paths.engine_secret.read_text())) == 32
    assert Settings.read(paths.settings) == settings
    assert json.loads(paths.ready.read_text())["port"] == settings.port
    for file in (paths.tls_key, paths.rsa_private, paths.engine_secret, paths.settings, paths.client_cnf):
        assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("point", ["before file", "after file", "before claim", "after claim"])
def test_killed_at_every_file(point: str, tmp_path: Path) -> None:
    killed = 0
    while True:
        folder = tmp_path / str(killed)
        if (pid := os.fork()) == 0:
            faults.arm(f"{point}:crash:{killed + 1}")
            make_all(folder)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        make_all(folder)
        check_all(folder)
        if not os.WIFSIGNALED(status):
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        killed += 1
    assert killed >= (8 if point.endswith("file") else 1)


def test_half_a_pair_is_made_anew(tmp_path: Path) -> None:
    make_all(tmp_path)
    paths = Settings(data_dir=tmp_path).paths
    paths.tls_ca.unlink()  # all three are made: one that is left of the old must not go with a new key
    if (pid := os.fork()) == 0:
        faults.arm("after file:crash:2")
        make_all(tmp_path)
        os._exit(0)
    os.waitpid(pid, 0)
    make_all(tmp_path)
    check_all(tmp_path)
