"""The private server answers, keeps what it must keep, and lets nobody in without a password."""

import pymysql
import pytest

pytestmark = pytest.mark.live

REQUIRED = {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL"}


def test_required_options_are_on(backend):
    names = ",".join(f"'{name}'" for name in REQUIRED)
    seen = dict(backend.run(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})"))
    assert seen == REQUIRED


def test_only_root_with_its_password_comes_in(backend):
    with pytest.raises(pymysql.err.OperationalError) as refused:
        backend.connect(password="")
    assert refused.value.args[0] in (1045, 1698)
    accounts = backend.run("SELECT user, host FROM mysql.user WHERE host <> 'localhost' OR user = ''")
    assert accounts == []


def test_tcp_login(backend):
    with backend.connect(host=backend.host, port=backend.port) as connection:
        assert connection.open


def test_restart_keeps_data_and_port(private_backend):
    private_backend.run("CREATE DATABASE kept")
    private_backend.server.stop()
    again = private_backend.server.start()
    assert again.port == private_backend.port
    assert ("kept",) in private_backend.run("SHOW DATABASES")
