"""Reads the statements of a file in the language of mysqltest, the program that runs the servers' own tests.

MySQL: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_MYSQL_TEST_RUN.html. Only what carries statements is
understood: comments, delimiters, commands by `--` or by name. Loops, conditions and statements with variables of the
language are left out, and connections are not told apart.
"""

import re
from collections.abc import Iterator
from pathlib import Path

# What a statement of SQL begins with; what begins with any other word is a command of the language.
_VERBS = frozenset(
    {
        "alter", "analyze", "begin", "call", "check", "commit", "create", "deallocate", "delete", "desc", "describe",
        "do", "drop", "execute", "explain", "insert", "optimize", "prepare", "rename", "repair", "replace", "rollback",
        "savepoint", "select", "set", "show", "start", "table", "truncate", "update", "values", "with",
    }
)  # fmt: skip
_RUN = re.compile(r"(?:query|send|query_vertical|query_horizontal)\s+", re.IGNORECASE)
_DEEPEST = 4  # files that source one another
_UNNEEDED = re.compile(r"have_|not_|wait_|restart|kill|shutdown|mysqld|mtr_|\$|master-slave|rpl_|assert")
_WORD = re.compile(r"[A-Za-z_-]+")
_UNTIL = ("perl", "write_file", "append_file")  # what follows them, up to a line EOF, is no statement


def read(path: Path) -> Iterator[str]:
    """Give the statements of a file and of the files that it sources, in order, without their delimiters."""
    return _read(path, next((p for p in path.resolve().parents if (p / "include").is_dir()), path.parent), 0)


def _read(path: Path, root: Path, depth_of_files: int) -> Iterator[str]:
    lines = iter(_text(path).splitlines())
    delimiter, held, depth = ";", "", 0
    for line in lines:
        text = line.strip()
        if not held:
            if not text or text.startswith("#"):
                continue
            if text.startswith("--"):
                text = text[2:].strip()
                word = _command(text)
                if word == "delimiter":
                    delimiter = text.split(None, 1)[1].strip()
                elif word == "disable_parsing":
                    _skip(lines, "--enable_parsing", "enable_parsing;")
                elif word == "source":
                    yield from _sourced(text, root, depth_of_files)
                elif word in _UNTIL:
                    _skip(lines, text.rsplit(None, 1)[-1] if len(text.split()) > 2 else "EOF", "EOF")
                continue
            if depth or (text.startswith(("while", "if")) and _command(text) in ("while", "if")):
                depth += text.count("{") - text.count("}")
                if not depth and "{" not in text and "}" not in text:
                    depth = _opened(lines)
                continue
            if text in ("}", "{"):
                continue
        held += line + "\n"
        while delimiter in held:
            statement, held = held.split(delimiter, 1)
            held = held.lstrip() if held.strip() and not held.strip().startswith("#") else ""
            word = _command(statement)
            if word == "delimiter":
                delimiter = statement.split(None, 1)[1].strip()
                held = ""
            elif word == "source":
                yield from _sourced(statement, root, depth_of_files)
            elif word in _UNTIL:
                _skip(lines, "EOF", "EOF")
            elif word == "disable_parsing":
                _skip(lines, "--enable_parsing", "enable_parsing;")
            elif _command(found := _RUN.sub("", statement.strip(), count=1).lstrip("(")) in _VERBS:
                yield statement.strip() if word in ("", *_VERBS) else found


def _sourced(command: str, root: Path, depth: int) -> Iterator[str]:
    name = command.split(None, 1)[1].strip() if len(command.split()) > 1 else ""
    file = root / name
    if depth < _DEEPEST and not _UNNEEDED.search(name) and file.is_file():
        yield from _read(file, root, depth + 1)


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _command(text: str) -> str:
    word = _WORD.match(text.strip())
    return word[0].lower() if word else ""


def _skip(lines: Iterator[str], *ends: str) -> None:
    for line in lines:
        if line.strip() in ends:
            return


def _opened(lines: Iterator[str]) -> int:
    """Go to the brace that begins the block of a condition."""
    for line in lines:
        if "{" in line:
            return line.count("{") - line.count("}")
    return 0
