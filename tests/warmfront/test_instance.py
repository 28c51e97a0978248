"""Data dirs: locks, secrets, option files, certificates."""

import ssl
import stat

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from base.errors import SettingsError
from base.paths import Paths
from base.settings import Settings, Upstream
from warmfront import backends, certificates, instance
from warmfront.supervisor import why_ended


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_second_claim_names_the_pid(tmp_path):
    paths = Paths(tmp_path / "d")
    held = instance.claim(paths)
    with pytest.raises(instance.InstanceError, match=r"in use by process \d+"):
        instance.claim(paths)
    held.close()
    instance.claim(paths).close()
    assert mode(paths.data_dir) == 0o700


def test_nothing_runs_here(tmp_path):
    with pytest.raises(instance.InstanceError, match="no instance runs"):
        instance.running(tmp_path)


def test_secrets_are_private_and_kept(tmp_path):
    paths = Paths(tmp_path)
    instance.claim(paths).close()
    instance.ensure_secret(paths)
    first = paths.engine_secret.read_text()
    instance.ensure_secret(paths)
    assert (len(bytes.fromhex(first)), paths.engine_secret.read_text(), mode(paths.engine_secret)) == (32, first, 0o600)


def test_client_cnf_quotes_the_password(tmp_path):
    upstream = Upstream("mysql", "h", 1, None, "me", 'a"b\\c#d', "9.7.0")
    settings = Settings(data_dir=tmp_path).with_upstream(upstream, "0.0.0.0", 3307)
    instance.write_client_cnf(settings)
    text = settings.paths.client_cnf.read_text()
    assert 'password="a\\"b\\\\c#d"' in text
    assert "host=127.0.0.1\nport=3307\n" in text
    assert mode(settings.paths.client_cnf) == 0o600


def test_certificates_are_whole_and_made_once(tmp_path):
    paths = Paths(tmp_path)
    certificates.ensure(paths)
    before = paths.tls_cert.read_bytes()
    certificates.ensure(paths)
    assert paths.tls_cert.read_bytes() == before
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(paths.tls_cert, paths.tls_key)
    assert ssl.create_default_context(cafile=str(paths.tls_ca)).get_ca_certs()
    private = load_pem_private_key(paths.rsa_private.read_bytes(), None)
    public = load_pem_public_key(paths.rsa_public.read_bytes())
    assert private.public_key().public_numbers() == public.public_numbers()
    assert {mode(paths.tls_key), mode(paths.rsa_private)} == {0o600}


def test_backend_urls():
    seen = backends.parse_url("mysql://us%40er:p%3Aw@db.example:3310")
    assert (seen.user, seen.password, seen.host, seen.port, seen.socket) == ("us@er", "p:w", "db.example", 3310, None)
    assert backends.parse_url("mysql://u:p@localhost?socket=/s").socket == "/s"
    for bad in ("db.example", "http://u@h", "mysql://h", "mysql://u:p@h:port"):
        with pytest.raises(SettingsError, match="URL"):
            backends.parse_url(bad)


def test_ends_are_told_in_words():
    assert (why_ended(1), why_ended(-9), why_ended(-200)) == (
        "exit code 1",
        "killed by SIGKILL",
        "killed by signal 200",
    )
