"""The clause form of CREATE EXTERNAL TABLE, turned into the JSON form: FILE_FORMAT = (…) FILES = (…).

Source: shapes in release notes and public examples of HeatWave 9.4 and later; its manual page was not at hand, so a
word that is not known here is refused by name.
"""

from typing import Any

from base.errors import LakeError

Item = tuple[str, str, str]  # kind, text as written, what it stands for

_SWITCHES = {"ON": True, "TRUE": True, "1": True, "OFF": False, "FALSE": False, "0": False}
# Words of FILE_FORMAT that take one value, and the dialect's key.
_VALUES = {
    ("FORMAT",): "format",
    ("COMPRESSION",): "compression",
    ("CHARACTER", "SET"): "encoding",
    ("ENCODING",): "encoding",
    ("SKIP_ROWS",): "skip_rows",
    ("FIELDS", "TERMINATED", "BY"): "field_delimiter",
    ("FIELDS", "ENCLOSED", "BY"): "quotation_marks",
    ("FIELDS", "OPTIONALLY", "ENCLOSED", "BY"): "quotation_marks",
    ("FIELDS", "ESCAPED", "BY"): "escape_character",
    ("FIELDS", "DATE", "FORMAT"): "date_format",
    ("FIELDS", "TIME", "FORMAT"): "time_format",
    ("FIELDS", "DATETIME", "FORMAT"): "timestamp_format",
    ("FIELDS", "NULL", "AS"): "null_value",
    ("LINES", "TERMINATED", "BY"): "record_delimiter",
}
_FLAGS = {("HEADER",): "has_header", ("FIELDS", "TRIM_SPACES"): "trim_spaces"}
_FILE_VALUES = {
    "URI": "uri",
    "URL": "uri",
    "NAME": "name",
    "FILE_NAME": "name",
    "FILE_PREFIX": "prefix",
    "PREFIX": "prefix",
}
_FILE_VALUES |= {"FILE_PATTERN": "pattern", "PATTERN": "pattern"}
_FILE_FLAGS = {"STRICT_LOAD": "is_strict_mode", "ALLOW_MISSING_FILES": "allow_missing_files"}


def read_clauses(items: list[Item]) -> dict[str, Any]:
    """Read the clauses behind the columns. Raises LakeError."""
    words = [text.upper() if kind in ("word", "mark") else "" for kind, text, _ in items]
    attribute: dict[str, Any] = {"dialect": {}, "file": []}
    at = 0
    while at < len(items):
        name, at = words[at], at + 1
        at += at < len(items) and words[at] == "="
        if name in ("FILE_FORMAT", "FILES"):
            if at >= len(items) or words[at] != "(":
                raise LakeError(f"{name} needs a list in parentheses")
            end = _closing(words, at)
            inner, inner_words = items[at + 1 : end], words[at + 1 : end]
            if name == "FILE_FORMAT":
                _read_format(inner, inner_words, attribute["dialect"])
            else:
                attribute["file"] += _read_files(inner, inner_words)
            at = end + 1
        elif name == "VERIFY_KEY_CONSTRAINTS":
            attribute["dialect"]["check_constraints"] = _switch(items, at, name)
            at += 1
        elif name == "AUTO_REFRESH":
            attribute["auto_refresh"] = _switch(items, at, name)
            at += 1
        else:
            raise LakeError(f"{name} of an external table is not supported")
    return attribute


def _read_format(items: list[Item], words: list[str], dialect: dict[str, Any]) -> None:
    at, family = 0, ""
    while at < len(items):
        if words[at] in ("FIELDS", "COLUMNS", "LINES"):
            family = words[at].replace("COLUMNS", "FIELDS")
            at += 1
            continue
        phrase, key = _phrase(words, at, family)
        if not phrase:
            raise LakeError(f"{items[at][1]} in FILE_FORMAT is not known")
        at += len(phrase)
        at += at < len(items) and words[at] == "="
        if phrase[-1] in ("HEADER", "TRIM_SPACES"):
            dialect[key] = _switch(items, at, phrase[-1])
        else:
            if at >= len(items):
                raise LakeError(f"{' '.join(phrase)} has no value")
            kind, _, value = items[at]
            dialect[key] = int(value) if key == "skip_rows" and value.isdigit() else value
            if kind == "mark":
                raise LakeError(f"{' '.join(phrase)} has no value")
        at += 1
        if at < len(items) and key == "skip_rows" and words[at] in ("ROWS", "ROW"):
            at += 1


def _phrase(words: list[str], at: int, family: str) -> tuple[list[str], str]:
    """The longest known phrase at a place, and its key; words of FIELDS and LINES stand behind these."""
    for table in (_VALUES, _FLAGS):
        for phrase, key in sorted(table.items(), key=lambda pair: -len(pair[0])):
            own = list(phrase[1:]) if family and phrase[0] == family else list(phrase)
            if phrase[0] in ("FIELDS", "LINES") and phrase[0] != family:
                continue
            if own and words[at : at + len(own)] == own:
                return own, key
    return [], ""


def _read_files(items: list[Item], words: list[str]) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = []
    entry: dict[str, Any] = {}
    at = 0
    while at < len(items):
        if words[at] in (",", "(", ")"):
            at += 1
            continue
        name = words[at]
        at += 1
        at += at < len(items) and words[at] == "="
        if at >= len(items):
            raise LakeError(f"{name} in FILES has no value")
        if key := _FILE_VALUES.get(name):
            if key in entry or (key == "uri" and entry):
                files.append(entry)
                entry = {}
            entry[key] = items[at][2]
        elif key := _FILE_FLAGS.get(name):
            entry[key] = _switch(items, at, name)
        else:
            raise LakeError(f"{name or items[at - 1][1]} in FILES is not known")
        at += 1
    return [*files, entry] if entry else files


def _switch(items: list[Item], at: int, name: str) -> bool:
    word = items[at][2].upper() if at < len(items) else ""
    if word not in _SWITCHES:
        raise LakeError(f"{name} is ON or OFF")
    return _SWITCHES[word]


def _closing(words: list[str], at: int) -> int:
    depth = 0
    for place in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if depth == 0:
            return place
    raise LakeError("a parenthesis is not closed")
