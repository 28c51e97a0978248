"""What CALL sys.heatwave_load says when it is asked for help."""

HELP = (
    "CALL sys.heatwave_load(list, options);",
    "",
    "list:    a JSON array of schemas; each a name, or",
    '         {"db_name": s, "tables": [table, ...], "exclude_tables": [name, ...]}',
    'table:   a name, or {"table_name": s, "engine_attribute": {"sampling": bool, "dialect": {...}, "file": [{...}]}},',
    "         which makes a lake table of files: names, types and NULLs of its columns are inferred from them",
    "options: NULL, or a JSON object with",
    '  "mode"        "normal", "dryrun" (only the script), "validation" (files are looked at, nothing is made)',
    '  "output"      "normal", "compact", "silent" (only the report table), "help"',
    '  "sql_mode"    the mode in which the commands run',
    '  "policy"      "disable_unsupported_columns", "not_disable_unsupported_columns" (such tables are left out)',
    '  "exclude_list"             [schema, schema.table, ...]',
    '  "refresh_external_tables"  true: lake tables of the list take in new, changed and removed files',
    "",
    "The script: SELECT log->>\"$.sql\" FROM sys.heatwave_autopilot_report WHERE type = 'sql' ORDER BY id;",
)
