"""The authentication dialogue in the four combinations of TLS, from lists of payloads."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from base.errors import AccessDenied, MalformedPacket
from proxy.line.exchange import CACHING_SHA2, SHA256, Exchange
from proxy.line.passwords import KeyPair, seal
from wire.handshake import AuthSwitch, build_auth_switch
from wire.responses import Ok, build_err, build_ok

NONCE = bytes(range(1, 21))
PASSWORD = b"pass word\0"
FULL = b"\x01\x04"
OK = build_ok(Ok())


def make_keys() -> KeyPair:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return KeyPair(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


@pytest.fixture(scope="module")
def ours() -> KeyPair:
    return make_keys()


@pytest.fixture(scope="module")
def backends() -> KeyPair:
    return make_keys()


def begin(ours: KeyPair, client: bool, backend: bool, plugin: str = CACHING_SHA2) -> Exchange:
    return Exchange(plugin, NONCE, client, backend, ours)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("backend", [True, False])
def test_fast_path_is_relayed(ours: KeyPair, client: bool, backend: bool) -> None:
    exchange = begin(ours, client, backend)
    assert exchange.from_backend(b"\x01\x03").to_client == [b"\x01\x03"]
    step = exchange.from_backend(OK)
    assert (step.to_client, step.done, step.accepted) == ([OK], True, True)


@pytest.mark.parametrize("secure", [True, False])
def test_sides_that_are_alike_are_relayed(ours: KeyPair, secure: bool) -> None:
    exchange = begin(ours, secure, secure)
    assert exchange.from_backend(FULL).to_client == [FULL]
    for payload in (PASSWORD,) if secure else (b"\x02", b"sealed"):
        assert exchange.from_client(payload).to_backend == [payload]
        exchange.from_backend(b"\x01key")


def test_tls_client_plain_backend(ours: KeyPair, backends: KeyPair) -> None:
    exchange = begin(ours, True, False)
    assert exchange.from_backend(FULL).to_client == [FULL]
    step = exchange.from_client(PASSWORD)
    assert (step.to_client, step.to_backend) == ([], [b"\x02"])
    step = exchange.from_backend(b"\x01" + backends.public_pem)
    assert step.to_client == []
    assert backends.open(step.to_backend[0], NONCE) == PASSWORD


def test_plain_client_secure_backend(ours: KeyPair) -> None:
    exchange = begin(ours, False, True)
    exchange.from_backend(FULL)
    step = exchange.from_client(b"\x02")
    assert (step.to_backend, step.to_client) == ([], [b"\x01" + ours.public_pem])
    step = exchange.from_client(seal(PASSWORD, NONCE, ours.public_pem))
    assert (step.to_backend, step.to_client) == ([PASSWORD], [])


def test_the_nonce_of_a_switch_is_the_one_that_counts(ours: KeyPair) -> None:
    other = bytes(range(41, 61))
    exchange = begin(ours, False, True, "mysql_native_password")
    switch = build_auth_switch(AuthSwitch(CACHING_SHA2, other))
    assert exchange.from_backend(switch).to_client == [switch]
    assert exchange.from_client(b"scramble").to_backend == [b"scramble"]
    exchange.from_backend(FULL)
    exchange.from_client(b"\x02")
    assert exchange.from_client(seal(PASSWORD, other, ours.public_pem)).to_backend == [PASSWORD]


def test_sha256_password_after_a_switch(ours: KeyPair, backends: KeyPair) -> None:
    switch = build_auth_switch(AuthSwitch(SHA256, NONCE))
    plain = begin(ours, False, True)
    plain.from_backend(switch)
    assert plain.from_client(b"\x01").to_client == [b"\x01" + ours.public_pem]
    assert plain.from_client(seal(PASSWORD, NONCE, ours.public_pem)).to_backend == [PASSWORD]
    secure = begin(ours, True, False)
    secure.from_backend(switch)
    assert secure.from_client(PASSWORD).to_backend == [b"\x01"]
    sealed = secure.from_backend(b"\x01" + backends.public_pem).to_backend[0]
    assert backends.open(sealed, NONCE) == PASSWORD


def test_a_first_response_of_sha256_password_never_crosses_a_mixed_pair(ours: KeyPair) -> None:
    assert begin(ours, True, False).must_restart(SHA256)
    assert begin(ours, False, True).must_restart(SHA256)
    assert not begin(ours, True, True).must_restart(SHA256)
    assert not begin(ours, True, False).must_restart(CACHING_SHA2)


def test_empty_passwords_need_no_key(ours: KeyPair) -> None:
    exchange = begin(ours, True, False)
    exchange.from_backend(FULL)
    assert exchange.from_client(b"\0").to_backend == [b"\0"]


def test_a_password_sealed_with_another_key_is_left_to_the_backend_to_refuse(ours: KeyPair, backends: KeyPair) -> None:
    sent = []
    for _ in range(2):
        exchange = begin(ours, False, True)
        exchange.from_backend(FULL)
        sent += exchange.from_client(seal(PASSWORD, NONCE, backends.public_pem)).to_backend
    assert len(set(sent)) == 2
    assert all(len(password) > 60 for password in sent)


def test_a_backend_key_that_is_none_is_refused(ours: KeyPair) -> None:
    exchange = begin(ours, True, False)
    exchange.from_backend(FULL)
    exchange.from_client(PASSWORD)
    with pytest.raises(AccessDenied):
        exchange.from_backend(b"\x01not a key")


def test_errors_end_it_and_nonsense_is_malformed(ours: KeyPair) -> None:
    error = build_err(1045, "28000", "no")
    step = begin(ours, True, True).from_backend(error)
    assert (step.to_client, step.done, step.accepted) == ([error], True, False)
    for payload in (b"", b"\x77"):
        with pytest.raises(MalformedPacket):
            begin(ours, True, True).from_backend(payload)


@pytest.mark.parametrize("question", [b"\x02One-time code: ", b"\x04Password: ", b"\x03text", b""])
def test_questions_of_a_plugin_are_relayed(ours: KeyPair, question: bytes) -> None:
    # MariaDB's dialog plugin, with PAM: the first question comes in the switch, the others as they are.
    exchange = begin(ours, False, True)
    switch = build_auth_switch(AuthSwitch("dialog", b"\x04Password: "))
    assert exchange.from_backend(switch).to_client == [switch]
    assert exchange.from_client(b"secret\0").to_backend == [b"secret\0"]
    step = exchange.from_backend(question)
    assert (step.to_client, step.to_backend, step.done) == ([question], [], False)
    assert exchange.from_client(b"123456\0").to_backend == [b"123456\0"]
    assert exchange.plugin == "dialog"


def test_the_next_factor_is_a_switch_where_both_sides_know_of_factors(ours: KeyPair) -> None:
    exchange = Exchange(CACHING_SHA2, NONCE, True, True, ours, several=True)
    factor = b"\x02" + build_auth_switch(AuthSwitch("authentication_webauthn_client", b"challenge"))[1:]
    assert exchange.from_backend(factor).to_client == [factor]
    assert exchange.plugin == "authentication_webauthn_client"
    with pytest.raises(MalformedPacket):
        exchange.from_backend(b"\x02no end of a name")


@pytest.mark.parametrize(("payload", "most"), [(b"", 1000), (b"\1" + b"x" * 10, 1000), (b"\1" + b"x" * 60_000, 17)])
def test_a_dialogue_ends(ours: KeyPair, payload: bytes, most: int) -> None:
    for side in ("from_backend", "from_client"):
        take = getattr(begin(ours, True, True, "dialog"), side)
        for _ in range(most):
            assert not take(payload).done
        with pytest.raises(MalformedPacket, match="endless authentication data"):
            take(payload)
