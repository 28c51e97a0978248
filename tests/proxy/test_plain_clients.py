"""What SHOW CREATE USER says of a client's line, among what only looks like it."""

import pytest

from proxy.line.plain_clients import demands_tls, denied

NONE = [
    "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS <secret> REQUIRE NONE PASSWORD EXPIRE DEFAULT"
    " ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT",
    "CREATE USER `a REQUIRE SSL`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    r"CREATE USER `a```@`%` IDENTIFIED WITH 'x' AS '$A\' REQUIRE SSL ''' REQUIRE NONE ACCOUNT UNLOCK",
    "CREATE USER `a`@`%` IDENTIFIED WITH 'x' REQUIRE NONE ATTRIBUTE '{\"comment\": \"REQUIRE SSL\"}'",
    "",
]
DEMANDED = [
    "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS <secret> REQUIRE SSL PASSWORD EXPIRE DEFAULT",
    r"CREATE USER `a`@`%` IDENTIFIED WITH 'x' AS '$A$00A$jI&~/Yq5!#C#\Z' REQUIRE SSL PASSWORD EXPIRE",
    "CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*B6' REQUIRE X509",
    "CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*B6' REQUIRE ISSUER '/CN=b' SUBJECT '/CN=it''s'",
    "CREATE USER `a`@`%` IDENTIFIED WITH 'x' AS '$A' REQUIRE SUBJECT '/CN=it's' ISSUER '/CN=b' PASSWORD EXPIRE DEFAULT",
]


@pytest.mark.parametrize("created", NONE)
def test_no_tls_is_demanded(created: str) -> None:
    assert not demands_tls(created)


@pytest.mark.parametrize("created", DEMANDED)
def test_tls_is_demanded(created: str) -> None:
    assert demands_tls(created)


def test_the_error_names_the_account_as_the_server_does() -> None:
    told = denied("a@b@localhost", True)
    assert (told.number, str(told)) == (1045, "Access denied for user 'a@b'@'localhost' (using password: YES)")
