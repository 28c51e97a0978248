#!/usr/bin/env python3
"""See that both kinds of server are there for the live tests: MySQL is fetched, MariaDB installed or named."""

import os
import sys

from prepare import apt_install

from base.settings import Settings
from warmfront.mysql_fetch import FetchError, fetch
from warmfront.servers import fetched, installed


def say(text: str) -> None:
    """Tell the user what is going on."""
    print(f"servers: {text}", file=sys.stderr, flush=True)


def kinds() -> set[str]:
    """The kinds of server that are on this machine and new enough."""
    mine = fetched(Settings().mysql_prefix)
    return {program.kind for program in (*installed(), *([mine] if mine else [])) if program.is_supported}


def main() -> int:
    """Make both kinds available, or say what to do."""
    if "mariadb" not in kinds() and os.geteuid() == 0:
        apt_install("mariadb-server-core", "mariadb-client-core")  # mariadb-install-db calls the client's programs
    if "mariadb" not in kinds():
        say("MariaDB 10.6 or newer is missing. As root, run this, then try again:")
        print("    apt-get update && apt-get install -y mariadb-server-core mariadb-client-core", file=sys.stderr)
        return 1
    if "mysql" not in kinds():
        try:
            fetch(Settings().mysql_prefix, say)
        except FetchError as error:
            say(str(error))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
