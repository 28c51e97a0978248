"""Fetch real MySQL from Debian's signed archive into a folder of the user's, without root.

apt itself does the downloading, under a configuration of its own, so the archive's signature and every
package's checksum are verified by it. The packages are unpacked, never installed. They come from a newer
Debian than the machine may be, so they bring their own C library, and each program is pointed at it.

    python -m warmfront.mysql_fetch [PREFIX]
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from base.errors import WarmfrontError
from base.settings import Settings

Say = Callable[[str], None]

SUITE = "sid"  # where Debian keeps MySQL; its releases ship MariaDB instead
PACKAGES = ("mysql-server-core", "mysql-client-core")
_TOOL = "patchelf"
_KEYRINGS = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
# What the dependencies name and no program here loads.
_NOT_NEEDED = ("perl", "libperl", "libgdbm", "libdb5", "libc-gconv", "gcc-", "libsasl2-modules")
_PROGRAMS = ("mysqld", "mysql", "mysqladmin", "mysqldump", "mysqlbinlog")
_STAMP = "made-by-warmfront"
_APT_ATTEMPTS = 3


class FetchError(WarmfrontError):
    """MySQL could not be fetched; the text says why."""


def fetch(prefix: Path, say: Say) -> Path:
    """Put MySQL into `prefix`, unless it is there and starts, and give the path of mysqld. Raises FetchError."""
    _check_prefix(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(prefix, say):
        if (prefix / _STAMP).exists() and _starts(prefix / "bin" / "mysqld"):
            return prefix / "bin" / "mysqld"
        with tempfile.TemporaryDirectory(prefix=prefix.name + ".", dir=prefix.parent) as folder:
            _make(prefix, Path(folder), say)
    return prefix / "bin" / "mysqld"


def _check_prefix(prefix: Path) -> None:
    if any(character.isspace() or character == ":" for character in str(prefix)):
        raise FetchError(f"blanks and colons cannot be in the path of a MySQL prefix: {prefix}")
    if prefix.exists() and any(prefix.iterdir()) and not (prefix / _STAMP).exists():
        raise FetchError(f"{prefix} is not empty and holds something else; give another folder with --mysql-prefix")
    for tool in ("apt-get", "dpkg", "dpkg-deb"):
        if not shutil.which(tool):
            raise FetchError(f"MySQL can be fetched on Debian only: this machine has no {tool}")


@contextmanager
def _one_at_a_time(prefix: Path, say: Say) -> Iterator[None]:
    with prefix.with_name(prefix.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another fetch of MySQL to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _starts(mysqld: Path) -> bool:
    try:
        return subprocess.run([mysqld, "--no-defaults", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def _make(prefix: Path, work: Path, say: Say) -> None:
    began = time.monotonic()
    apt = _Apt(work / "apt")
    say(f"reading the signed index of Debian {SUITE}")
    apt.run("update")
    wanted = [word for word in apt.plan() if not word.startswith(_NOT_NEEDED)]
    debs = work / "debs"
    debs.mkdir()
    say(f"downloading {len(wanted)} packages of MySQL and its libraries")
    apt.run("download", *wanted, cwd=debs)
    say("unpacking them")
    tree = work / "tree"
    for deb in sorted(debs.glob("*.deb")):
        _run("dpkg-deb", "-x", deb, tree)
        deb.unlink()
    new = _arrange(tree, work / "new")
    _point_at_own_libraries(new, prefix, work)
    (new / _STAMP).write_text("\n".join(sorted(wanted)) + "\n")
    if prefix.exists():
        prefix.rename(work / "old")
    new.rename(prefix)
    for program in _PROGRAMS:
        if not _starts(prefix / "bin" / program):
            (prefix / _STAMP).unlink()
            raise FetchError(f"the fetched {program} does not start on this machine")
    say(f"MySQL is in {prefix}, after {time.monotonic() - began:.0f} s")


class _Apt:
    """apt-get with lists, cache and an empty status file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        architecture = _run("dpkg", "--print-architecture").strip()
        (folder / "debian.sources").write_text(
            f"Types: deb\nURIs: {debian_mirror()}\nSuites: {SUITE}\nComponents: main\n"
            f"Architectures: {architecture}\nSigned-By: {_keyring()}\n"
        )
        options = {
            "Dir::Etc::sourcelist": folder / "debian.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": folder,
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "APT::Architecture": architecture,
            "APT::Default-Release": "",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        lines = [f'{name} "{value}";' for name, value in options.items()]
        hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
        lines += [f"#clear {name};" for name in (*hooks, "APT::Architectures")]
        self._config = folder / "apt.conf"
        self._config.write_text("\n".join(lines) + "\n")

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Run apt-get, again after a pause when an archive is in the middle of an update."""
        for attempt in range(1, _APT_ATTEMPTS + 1):
            try:
                return _run("apt-get", "-c", self._config, "-qq", *words, cwd=cwd)
            except FetchError:
                if attempt == _APT_ATTEMPTS:
                    raise
                time.sleep(3 * attempt)
        raise AssertionError

    def plan(self) -> list[str]:
        """Every package that MySQL needs, its C library included, as name=version."""
        answer = self.run("-s", "install", *PACKAGES, _TOOL)
        found = [line.split() for line in answer.splitlines() if line.startswith("Inst ")]
        return [f"{words[1]}={words[2].lstrip('(')}" for words in found]


def debian_mirror() -> str:
    """The Debian mirror that this machine's own apt uses. Raises FetchError when it uses none."""
    listed = _run("apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages")
    unread = _run(
        "apt-get", "indextargets", "--no-release-info", "--format", "|$(REPO_URI)", "Created-By: Packages"
    )  # before the first apt-get update no label is known
    for line in [*listed.splitlines(), *unread.splitlines()]:
        label, _, address = line.partition("|")
        if label == "Debian" or (not label and "security" not in address and "debian" in address):
            return address
    raise FetchError("this machine's apt knows no Debian archive to fetch MySQL from")


def _keyring() -> Path:
    for name in _KEYRINGS:
        path = Path("/usr/share/keyrings") / name
        if path.exists():
            return path
    raise FetchError("the keys of the Debian archive are missing: install the package debian-archive-keyring")


def _arrange(tree: Path, new: Path) -> Path:
    """Move what was unpacked into bin/, sbin/, lib/ and share/, and drop what a server has no use for."""
    (tree / "usr").rename(new)
    for name in ("bin", "sbin", "lib"):
        if (tree / name).is_dir() and not (tree / name).is_symlink():
            shutil.copytree(tree / name, new / name, symlinks=True, dirs_exist_ok=True)
    for name in ("doc", "man", "locale", "lintian", "info", "bug"):
        folder = new / "share" / name
        if name == "doc" and folder.is_dir():
            _keep_copyright_only(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for folder in (new / "lib").glob("*/gconv"):
        shutil.rmtree(folder)
    if not (new / "bin" / "mysqld").exists():
        (new / "bin" / "mysqld").symlink_to("../sbin/mysqld")
    return new


def _keep_copyright_only(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name != "copyright":
            path.unlink()


def _point_at_own_libraries(new: Path, prefix: Path, work: Path) -> None:
    """Set loader and DT_RPATH of every program: the old form also counts for the libraries of libraries."""
    loader = next((new / "lib").glob("*/ld-linux*.so.*"), None)
    if loader is None:
        raise FetchError("the fetched C library has no loader")
    library_folder = loader.parent.relative_to(new)
    patchelf = shutil.move(new / "bin" / _TOOL, work / _TOOL)
    tool = (loader, "--library-path", loader.parent, patchelf)
    rpath = str(prefix / library_folder)
    for path in _elf_files(new, loader):
        if ".so" in path.name:
            own = _run(*tool, "--print-rpath", path).strip()
            if own:
                _run(*tool, "--force-rpath", "--set-rpath", rpath, path)
        else:
            interpreter = prefix / loader.relative_to(new)
            _run(*tool, "--set-interpreter", interpreter, "--force-rpath", "--set-rpath", rpath, path)


def _elf_files(new: Path, loader: Path) -> Iterator[Path]:
    folders = [new / "bin", new / "sbin", new / "lib"]
    for path in (found for folder in folders if folder.is_dir() for found in sorted(folder.rglob("*"))):
        if path.is_symlink() or not path.is_file() or path.name == loader.name:
            continue
        if path.parent.name not in ("bin", "sbin") and ".so" not in path.name:
            continue
        with path.open("rb") as file:
            if file.read(4) == b"\x7fELF":
                yield path


def _run(*words: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode != 0:
        raise FetchError(f"{words[0]} ended with code {done.returncode}: {done.stderr.strip()[-800:]}")
    return done.stdout


def main() -> int:
    """Fetch into the prefix named on the command line, or into the usual one."""
    prefix = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else Settings().mysql_prefix
    try:
        print(fetch(prefix, lambda line: print(f"mysql: {line}", file=sys.stderr, flush=True)))
    except FetchError as error:
        print(f"mysql: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
