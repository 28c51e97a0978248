"""Greeting and login: round trips, what real clients send, and bytes cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql._auth import scramble_caching_sha2, scramble_native_password

from base.errors import MalformedPacket
from wire.auth import native_scramble, obfuscate, same, sha2_scramble
from wire.constants import Capability
from wire.handshake import (
    AuthSwitch,
    ChangeUser,
    Greeting,
    Login,
    build_auth_switch,
    build_change_user,
    build_greeting,
    build_login,
    build_tls_request,
    is_tls_request,
    mask_greeting,
    mask_login,
    parse_auth_switch,
    parse_change_user,
    parse_greeting,
    parse_login,
)

NONCE = bytes(range(1, 21))
CAPS = int(
    Capability.LONG_PASSWORD
    | Capability.PROTOCOL_41
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capability.CONNECT_WITH_DB
    | Capability.CONNECT_ATTRS
)
MARIADB = (CAPS & ~int(Capability.LONG_PASSWORD)) | Capability.MARIADB_EXTENDED_METADATA
no_nul = st.binary(max_size=40).map(lambda value: value.replace(b"\0", b"x"))


@pytest.mark.parametrize("capabilities", [CAPS, MARIADB, CAPS | Capability.SSL])
def test_greeting_round_trip_and_mask(capabilities: int) -> None:
    greeting = Greeting("9.7.0", 4_000_000_000, NONCE, int(capabilities), 255, 2, "caching_sha2_password")
    payload = build_greeting(greeting)
    assert parse_greeting(payload) == greeting
    masked = mask_greeting(payload, int(capabilities) & ~int(Capability.SSL))
    assert parse_greeting(masked).capabilities == int(capabilities) & ~int(Capability.SSL)
    assert len(masked) == len(payload)
    for cut in range(len(payload) - 30):
        with pytest.raises(MalformedPacket):
            parse_greeting(payload[:cut])


@given(no_nul, st.binary(max_size=250), no_nul, st.binary(max_size=300), st.sampled_from([CAPS, MARIADB]))
def test_login_round_trip(user: bytes, response: bytes, schema: bytes, attributes: bytes, capabilities: int) -> None:
    login = Login(int(capabilities), 1 << 24, 45, user, response, schema, "mysql_native_password", attributes)
    assert parse_login(build_login(login)) == login
    masked = mask_login(build_login(login), int(capabilities) & ~int(Capability.CONNECT_ATTRS))
    assert parse_login(masked).user == user


@given(st.binary(max_size=120))
def test_any_login_bytes_are_read_or_malformed(payload: bytes) -> None:
    try:
        parse_login(payload)
    except MalformedPacket:
        return
    assert int.from_bytes(payload[:4], "little") & Capability.PROTOCOL_41


def test_login_with_shorter_forms_of_the_response() -> None:
    for caps in (CAPS & ~int(Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA), int(Capability.PROTOCOL_41)):
        login = Login(caps, 1, 8, b"root", b"secret")
        assert parse_login(build_login(login)).response == b"secret"


def test_tls_request() -> None:
    request = build_tls_request(Login(CAPS, 1 << 24, 45, b"", b""))
    assert is_tls_request(request)
    assert not is_tls_request(build_login(Login(CAPS, 1 << 24, 45, b"root", b"")))
    assert not is_tls_request(request[:-1])


@given(no_nul.filter(bool), no_nul)
def test_change_user_round_trip(user: bytes, rest: bytes) -> None:
    change = ChangeUser(user, b"12345", b"schema", 45, "caching_sha2_password", rest)
    assert parse_change_user(build_change_user(change)) == change


@pytest.mark.parametrize(("cut", "charset"), [(0, 45), (2, 0)])
def test_a_change_of_user_may_name_no_plugin_and_no_character_set(cut: int, charset: int) -> None:
    payload = b"\x11root\0\0test\0" + (45).to_bytes(2, "little")
    found = parse_change_user(payload[: len(payload) - cut])
    assert (found.user, found.schema, found.charset, found.plugin) == (b"root", b"test", charset, "")


def test_auth_switch() -> None:
    switch = AuthSwitch("mysql_native_password", NONCE)
    assert parse_auth_switch(build_auth_switch(switch)) == switch
    assert parse_auth_switch(b"\xfe").plugin == "mysql_old_password"


def test_scrambles_equal_another_implementation() -> None:
    assert native_scramble(b"", NONCE) == b""
    assert sha2_scramble(b"", NONCE) == b""
    assert native_scramble(b"password", NONCE) == scramble_native_password(b"password", NONCE)
    assert sha2_scramble(b"password", NONCE) == scramble_caching_sha2(b"password", NONCE)
    assert obfuscate(obfuscate(b"secret\0", NONCE), NONCE) == b"secret\0"
    assert same(b"a", b"a")
    assert not same(b"a", b"b")
