"""Functions whose value is not a matter of their arguments alone."""

# A different value for each row or call, or an effect: never offloaded.
VOLATILE = frozenset(
    {
        "BENCHMARK", "GET_LOCK", "IS_FREE_LOCK", "IS_USED_LOCK", "LOAD_FILE", "MASTER_POS_WAIT", "NAME_CONST",
        "RAND", "RANDOM_BYTES", "RELEASE_ALL_LOCKS", "RELEASE_LOCK", "SLEEP", "SOURCE_POS_WAIT", "SYSDATE", "UUID",
        "UUID_SHORT", "WAIT_FOR_EXECUTED_GTID_SET", "NEXTVAL", "LASTVAL", "SETVAL",
    }
)  # fmt: skip

# Answers about the session that only the backend's own connection can give, at the moment at which it is asked.
SESSION = frozenset({"FOUND_ROWS", "ROW_COUNT", "ICU_VERSION", "PS_CURRENT_THREAD_ID", "PS_THREAD_ID", "ROLES_GRAPHML"})

# The time at which the statement began.
CLOCK = frozenset(
    {
        "NOW", "CURDATE", "CURTIME", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME",
        "LOCALTIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "UNIX_TIMESTAMP",
    }
)  # fmt: skip

# Names that MySQL reads as calls even without parentheses, where the parser sees a column.
BARE_CALLS = frozenset({"UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_ROLE"})
