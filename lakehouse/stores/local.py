"""Folders of this machine, and nothing outside of those that the settings allow.

Every path is walked from an allowed folder on, part by part, by file descriptors that no link can bend: a link is read
and its target is walked in the same way. What is opened is what was checked, whoever renames things meanwhile.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from base.errors import LakeError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer must not stop anybody
_LINKS = 40  # as Linux itself follows at most
_DEPTH = 64  # folders in folders
_GONE = (errno.ENOENT, errno.ENOTDIR)


class Missing(LakeError):
    """There is no such file or folder."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file: `path` as it was asked for, `real` without links, `version` changes with its content."""

    path: str
    real: str
    size: int
    version: str


def version_of(found: os.stat_result) -> str:
    """What tells one content of a file from another; the time of change is the kernel's own, no copy can set it."""
    times = f"{found.st_mtime_ns:x}-{found.st_ctime_ns:x}"
    return f"{found.st_dev:x}-{found.st_ino:x}-{times}-{found.st_size:x}"


class Folders:
    """The allowed folders; their own paths may have links, for it is the settings that name them."""

    def __init__(self, allowed: Sequence[Path]) -> None:
        self._allowed = tuple((_bare(str(folder)), os.path.realpath(folder)) for folder in allowed)

    def check(self, path: str) -> None:
        """Raise LakeError unless a path is, as written, below an allowed folder."""
        self._root_of(path)

    def _root_of(self, path: str) -> tuple[str, list[str]]:
        """The allowed folder that a path is in, without links, and the parts below it."""
        parts = path.split("/")
        if not path.startswith("/") or ".." in parts or "\0" in path:
            raise LakeError(f"{path!r} is no absolute path, or has .. in it")
        parts = [part for part in parts if part not in ("", ".")]
        best: tuple[str, list[str]] | None = None
        for given, real in self._allowed:
            for name in {given, real}:
                above = [part for part in name.split("/") if part]
                deeper = best is None or len(parts) - len(above) < len(best[1])
                if parts[: len(above)] == above and deeper:
                    best = real, parts[len(above) :]
        if best is None:
            told = "no folder is allowed" if not self._allowed else "it is in none of the folders allowed"
            raise LakeError(f"{path!r} may not be read: {told} by the setting lakehouse_paths")
        return best

    def open_file(self, path: str) -> tuple[int, str]:
        """Open a regular file for reading; gives its descriptor and its path without links.

        Raises Missing and LakeError.
        """
        number, real = self._open(path, _FILE)
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            os.close(number)
            hint = f": it is a folder, whose files are meant by {path + '/'!r}" if stat.S_ISDIR(mode) else ""
            raise LakeError(f"{path!r} is not a file{hint}")
        return number, real

    @contextmanager
    def folder(self, path: str) -> Iterator[tuple[int, str]]:
        """Open a folder; gives its descriptor and its path without links. Raises Missing and LakeError."""
        number, real = self._open(path, _FOLDER)
        try:
            yield number, real
        finally:
            os.close(number)

    @contextmanager
    def made_folder(self, path: str) -> Iterator[int]:
        """Open a folder, made with those above it when it is not there; made ones go again when the body raises."""
        made: list[str] = []
        above = path.rstrip("/")
        while True:
            try:
                with self.folder(above):
                    break
            except Missing:
                made.append(above)
                above = above[: above.rfind("/")]
                self.check(above)
        try:
            for below in reversed(made):
                self._make(below)
            with self.folder(path) as (number, _):
                yield number
        except BaseException:
            for below in made:
                with suppress(OSError, LakeError), self.folder(_parent(below)) as (number, _):
                    os.rmdir(_name(below), dir_fd=number)
            raise

    def _make(self, path: str) -> None:
        with self.folder(_parent(path)) as (number, _):
            try:
                os.mkdir(_name(path), dir_fd=number)
            except FileExistsError:
                pass
            except OSError as error:
                raise LakeError(f"{path!r} cannot be made: {error.strerror}") from None

    def _open(self, path: str, flags: int) -> tuple[int, str]:
        """Walk to a path; each link on the way is another path to be walked."""
        asked = path
        for _ in range(_LINKS):
            root, parts = self._root_of(path)
            at = self._enter(root, asked)
            try:
                for place, part in enumerate(parts):
                    last = place == len(parts) - 1
                    try:
                        below = os.open(part, flags if last else _FOLDER, dir_fd=at)
                    except OSError as error:
                        target = _link(part, at)
                        if target is None:
                            raise _explained(error, asked) from None
                        here = "/".join([root.rstrip("/"), *parts[:place]])
                        rest = "/".join(parts[place + 1 :])
                        path = os.path.normpath(os.path.join(here, target, rest))
                        break
                    os.close(at)
                    at = below
                else:
                    if not parts and flags & os.O_DIRECTORY == 0:
                        raise LakeError(f"{asked!r} is not a file")
                    number, at = at, -1
                    return number, "/".join([root.rstrip("/"), *parts])
            finally:
                if at >= 0:
                    os.close(at)
        raise LakeError(f"{asked!r} has too many links")

    def _enter(self, root: str, asked: str) -> int:
        try:
            return os.open(root, _FOLDER)
        except OSError as error:
            raise _explained(error, asked) from None

    def file(self, path: str) -> LocalFile:
        """Describe one file. Raises Missing and LakeError."""
        number, real = self.open_file(path)
        try:
            found = os.fstat(number)
        finally:
            os.close(number)
        return LocalFile(path, real, found.st_size, version_of(found))

    def walk(self, folder: str, only: str = "") -> list[LocalFile]:
        """Every file below a folder, whose own entries begin with `only`; links are followed as far as allowed.

        Names that begin with "." or "_" are passed over, as other readers of such folders do. Raises Missing when
        there is no such folder, and LakeError.
        """
        files: list[LocalFile] = []
        with self.folder(folder) as (number, real):
            self._walk(number, folder.rstrip("/"), real, only, (), files)
        return files

    def _walk(
        self, at: int, path: str, real: str, only: str, above: tuple[tuple[int, int], ...], files: list[LocalFile]
    ) -> None:
        own = os.fstat(at)
        identity = (own.st_dev, own.st_ino)
        if identity in above or len(above) > _DEPTH:
            raise LakeError(f"{path!r} is a folder inside itself, or too deep")
        with os.scandir(at) as entries:
            for entry in entries:
                name = entry.name
                if not name.startswith(only) or name.startswith((".", "_")):
                    continue
                if entry.is_symlink():
                    self._follow(f"{path}/{name}", (*above, identity), files)
                elif entry.is_dir(follow_symlinks=False):
                    with self._below(name, at, path) as below:
                        self._walk(below, f"{path}/{name}", f"{real}/{name}", "", (*above, identity), files)
                elif entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    files.append(LocalFile(f"{path}/{name}", f"{real}/{name}", found.st_size, version_of(found)))

    def _follow(self, path: str, above: tuple[tuple[int, int], ...], files: list[LocalFile]) -> None:
        number, real = self._open(path, _FILE)
        try:
            found = os.fstat(number)
            if stat.S_ISDIR(found.st_mode):
                self._walk(number, path, real, "", above, files)
            elif stat.S_ISREG(found.st_mode):
                files.append(LocalFile(path, real, found.st_size, version_of(found)))
        finally:
            os.close(number)

    @contextmanager
    def _below(self, name: str, at: int, path: str) -> Iterator[int]:
        try:
            number = os.open(name, _FOLDER, dir_fd=at)
        except OSError as error:
            raise _explained(error, f"{path}/{name}") from None
        try:
            yield number
        finally:
            os.close(number)


def _parent(path: str) -> str:
    return path[: path.rstrip("/").rfind("/")]


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _bare(path: str) -> str:
    return os.path.normpath(path)


def _link(part: str, at: int) -> str | None:
    with suppress(OSError):
        return os.readlink(part, dir_fd=at)
    return None


def _explained(error: OSError, path: str) -> LakeError:
    if error.errno in _GONE:
        return Missing(f"{path!r} does not exist")
    return LakeError(f"{path!r} cannot be read: {error.strerror}")
