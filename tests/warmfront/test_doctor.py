"""Doctor's advice, from a server that is played."""

import io

import pytest
from rich.console import Console

from base.settings import Upstream
from warmfront import doctor

GOOD = {
    "mysql": {
        "log_bin": "ON",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "binlog_row_metadata": "FULL",
        "enforce_gtid_consistency": "ON",
        "gtid_mode": "ON",
        "binlog_row_value_options": "",
        "local_infile": "ON",
        "server_id": "1",
        "skip_networking": "OFF",
        "binlog_expire_logs_seconds": "2592000",
    },
}
GOOD["mariadb"] = {
    name: value
    for name, value in GOOD["mysql"].items()
    if name not in ("enforce_gtid_consistency", "gtid_mode", "binlog_row_value_options")
}
VERSIONS = {"mysql": "9.7.4", "mariadb": "10.11.19-MariaDB-log"}


class Played:
    """Answers what doctor asks, as a PyMySQL connection would."""

    def __init__(self, variables, grants):
        self.answers = {"SHOW GLOBAL VARIABLES": list(variables.items()), "SHOW GRANTS": [(line,) for line in grants]}
        self.answers["SELECT CURRENT_USER()"] = [("o'wl@%",)]
        self.answers["SHOW MASTER STATUS"] = [("binlog.000001", 4, "", "", "")]

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, statement):
        self.seen = self.answers.get(statement, [])

    def fetchall(self):
        return self.seen


def examine(kind, changes=None, grants=("GRANT ALL PRIVILEGES ON *.* TO `root`@`%`",)):
    upstream = Upstream(kind, "h", 1, None, "u", "p", VERSIONS[kind])
    return doctor.examine(Played({**GOOD[kind], **(changes or {})}, grants), upstream)


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_good_server_passes(kind):
    findings = examine(kind)
    assert not doctor.blocked(findings)
    assert all(finding.ok for finding in findings)


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ({"binlog_format": "MIXED"}, "SET PERSIST binlog_format = ROW;"),
        ({"binlog_row_metadata": "MINIMAL"}, "SET PERSIST binlog_row_metadata = FULL;"),
        ({"log_bin": "OFF"}, ""),
        ({"skip_networking": "ON"}, ""),
        ({"server_id": "0"}, "SET GLOBAL server_id = 1;"),
    ],
)
def test_what_is_missing_blocks_and_can_be_pasted(change, fix):
    findings = examine("mysql", change)
    assert doctor.blocked(findings)
    (found,) = [finding for finding in findings if finding.blocks]
    assert found.fix == fix
    assert found.fix or found.option


def test_mariadb_keeps_its_settings_in_the_option_file():
    (found,) = [f for f in examine("mariadb", {"binlog_row_metadata": "NO_LOG"}) if f.blocks]
    assert (found.fix, found.option) == ("SET GLOBAL binlog_row_metadata = FULL;", "binlog_row_metadata = FULL")


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ({"binlog_row_image": "MINIMAL"}, "SET PERSIST binlog_row_image = FULL;"),
        ({"gtid_mode": "OFF_PERMISSIVE"}, "SET PERSIST gtid_mode = ON_PERMISSIVE;\nSET PERSIST gtid_mode = ON;"),
    ],
)
def test_what_can_be_done_without_is_advice_that_can_be_pasted(change, fix):
    findings = examine("mysql", change)
    assert not doctor.blocked(findings)
    assert [finding.fix for finding in findings if not finding.ok] == [fix]


def test_missing_grants_name_the_account():
    findings = examine("mysql", grants=("GRANT SELECT ON *.* TO x", "GRANT ALL PRIVILEGES ON `db`.* TO x"))
    fixes = [finding.fix for finding in findings if finding.blocks]
    assert fixes == [
        "GRANT REPLICATION SLAVE ON *.* TO 'o''wl'@'%';",
        "GRANT REPLICATION CLIENT ON *.* TO 'o''wl'@'%';",
    ]


def test_mariadbs_name_of_a_grant_counts():
    grants = ("GRANT SELECT, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `x`@`%` IDENTIFIED BY PASSWORD '*1'",)
    assert not doctor.blocked(examine("mariadb", grants=grants))


def test_short_retention_is_advice_only():
    findings = examine("mysql", {"binlog_expire_logs_seconds": "3600"})
    assert not doctor.blocked(findings)
    assert [f.fix for f in findings if not f.ok] == ["SET PERSIST binlog_expire_logs_seconds = 259200;"]


def test_accounts_that_no_client_reaches_are_named_where_names_are_not_resolved():
    local = [("cron",), ("backup",)]
    upstream = Upstream("mysql", "h", 1, None, "u", "p", VERSIONS["mysql"])
    for resolves, named in (("OFF", []), ("ON", ["cron, backup"])):
        played = Played(
            {**GOOD["mysql"], "skip_name_resolve": resolves}, ("GRANT ALL PRIVILEGES ON *.* TO `root`@`%`",)
        )
        played.answers[doctor._LOCAL_ACCOUNTS] = local
        findings = doctor.examine(played, upstream)
        assert [finding.seen for finding in findings if not finding.ok] == named
        assert not doctor.blocked(findings)


def test_report_keeps_statements_on_one_line():
    out = io.StringIO()
    doctor.report(examine("mysql", {"gtid_mode": "OFF", "log_bin": "OFF"}), Console(file=out, width=40))
    text = out.getvalue()
    assert "\nSET PERSIST gtid_mode = OFF_PERMISSIVE;\n" in text
    assert "\n[mysqld]\nlog_bin\n" in text
    assert "everything that warmfront needs" not in text
