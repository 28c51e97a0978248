"""Secrets do not reach the log."""

import logging
import time

from base.log import Sparing, redact, redact_sql, setup


def test_sql_literals_are_cut_out():
    assert redact_sql("SET PASSWORD = 'a''b\\'c' -- \"d\"") == "SET PASSWORD = '?' -- '?'"
    assert redact_sql("SELECT 'never closed") == "SELECT '?'"
    assert len(redact_sql("SELECT " + "1," * 5000)) < 210
    for blanks in range(3990, 4000):
        assert "secret" not in redact_sql("SELECT " + " " * blanks + '\'secret\\\\\' "secret\\""', limit=200)


def test_passwords_are_hidden():
    assert redact("mysql://me:s3cr:et@host:1/x") == "mysql://me:***@host:1/x"
    assert redact("password=abc, secret: xyz") == "password=*** secret: ***"


def test_log_file_is_redacted(tmp_path):
    root = logging.getLogger()
    before = list(root.handlers)
    setup("info", tmp_path / "log")
    logging.getLogger("x").info("backend %s", "mysql://u:hunter2@h")
    root.handlers[:] = before
    text = (tmp_path / "log").read_text()
    assert "hunter2" not in text
    assert "backend mysql://u:***@h" in text


def test_what_anybody_can_cause_is_written_sparingly(tmp_path):
    root = logging.getLogger()
    before = list(root.handlers)
    setup("info", tmp_path / "log")
    log = logging.getLogger("test.sparing")
    log.addFilter(Sparing(most=3, seconds=0.2))
    for number in range(100):
        log.info("refused %d", number)
    time.sleep(0.25)
    log.info("refused again by %s", "%s")
    root.handlers[:] = before
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [
        *(f"refused {number}" for number in range(3)),
        "refused again by %s (97 lines like it were left out before)",
    ]
