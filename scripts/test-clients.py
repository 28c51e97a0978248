#!/usr/bin/env python3
"""See that the drivers of tests/clients are there: system packages as root, the others in folders of this clone.

What cannot be installed is named, and its tests skip for that reason: nothing here fails.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from prepare import ROOT, apt_install

PACKAGES = ROOT / "tests" / "clients" / "packages"
PLACE = ROOT / ".clients"
# Each with a file that is there when the package is; a group is installed at once.
SYSTEM = {
    "mariadb-client": "/usr/bin/mariadb",
    "php-cli": "/usr/bin/php",
    "php-mysql": "/usr/share/php/docs/mysqli|/usr/lib/php/*/mysqli.so",
    "default-jre-headless": "/usr/bin/java",
    "libmariadb-java": "/usr/share/java/mariadb-java-client.jar",
    "odbc-mariadb": "/usr/lib/*/odbc/libmaodbc.so",
    "unixodbc": "/usr/bin/isql",
    "libdbd-mysql-perl": "/usr/lib/*/perl5/*/DBD/mysql.pm",
    "libdbd-mariadb-perl": "/usr/lib/*/perl5/*/DBD/MariaDB.pm",
    "ruby-mysql2": "/usr/lib/ruby/vendor_ruby/mysql2.rb|/usr/lib/*/ruby/vendor_ruby/*/mysql2",
    "python3-mysqldb": "/usr/lib/python3/dist-packages/MySQLdb/__init__.py",
    "nodejs": "/usr/bin/node",
    "npm": "/usr/bin/npm",
}


def say(text: str) -> None:
    """Tell the user what is going on."""
    print(f"clients: {text}", file=sys.stderr, flush=True)


def is_there(pattern: str) -> bool:
    """Tell whether a file of one of the patterns exists."""
    return any(any(Path("/").glob(part.lstrip("/"))) for part in pattern.split("|"))


def system_packages() -> None:
    """Install what is missing, as root; name it where that cannot be."""
    missing = [name for name, pattern in SYSTEM.items() if not is_there(pattern)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say(f"without root these are left out: {' '.join(missing)}")
        return
    try:
        apt_install(*missing)
    except subprocess.CalledProcessError as error:
        say(f"apt-get could not install {' '.join(missing)}: {error}")


def python_packages(lock: Path, target: Path, what: str) -> None:
    """Make a folder of packages from a lock file, every file checked against its hash."""
    stamp = target / "stamp"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"installing {what}")
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", str(target), "-r", str(lock)]
    if subprocess.run([*command, *options]).returncode == 0:
        stamp.write_text(wanted)


def node_drivers() -> None:
    """Make .clients/node from the lock file."""
    lock = PACKAGES / "package-lock.json"
    stamp = PLACE / "node" / "stamp"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    npm = shutil.which("npm")
    if npm is None or (stamp.exists() and stamp.read_text() == wanted):
        return
    say("installing the drivers for Node.js")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGES / name, stamp.parent / name)
    done = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=stamp.parent)
    if done.returncode == 0:
        stamp.write_text(wanted)


def mariadb_plugins() -> None:
    """Unpack the server's further ways to log in, which its core package has not; nothing is installed."""
    target = PLACE / "mariadb"
    if target.exists() or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "download", "-qq", "mariadb-server"]
        if subprocess.run(download, cwd=folder, capture_output=True).returncode != 0:
            say("the plugins of MariaDB could not be fetched: ed25519 is left out")
            return
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, Path(folder) / "root"], check=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(folder) / "root" / "usr" / "lib" / "mysql" / "plugin", target, symlinks=True)


def superset() -> None:
    """Make .clients/superset, an environment of its own of about 1 GB, from its lock file."""
    target = PLACE / "superset"
    say("installing Superset")
    subprocess.run([sys.executable, "-m", "venv", "--clear", target], check=True)
    pip = [target / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "--require-hashes", "-r", PACKAGES / "superset.lock"], check=True)


def main() -> int:
    """Install everything that can be installed here; Superset only where it is asked for with --superset."""
    system_packages()
    python_packages(PACKAGES / "requirements.lock", PLACE / "python", "the drivers for Python")
    python_packages(ROOT / "examples" / "requirements.lock", PLACE / "notebooks", "what notebooks need")
    node_drivers()
    mariadb_plugins()
    if "--superset" in sys.argv[1:]:
        superset()
    return 0


if __name__ == "__main__":
    sys.exit(main())
