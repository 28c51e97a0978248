"""The settings of sessions that statements run in."""

# A session's SET statements of both servers, then of each; left out are sql_modes under which all is refused.
SESSIONS = (
    "SET div_precision_increment = 0", "SET div_precision_increment = 8", "SET div_precision_increment = 30",
    "SET group_concat_max_len = 4", "SET group_concat_max_len = 17", "SET lc_time_names = 'de_DE'",
    "SET lc_time_names = 'en_GB'", "SET time_zone = 'Europe/Berlin'", "SET time_zone = 'America/New_York'",
    "SET time_zone = 'Test/Odd'", "SET default_week_format = 3", "SET sql_mode = 'IGNORE_SPACE'",
    "SET sql_mode = 'TRADITIONAL'", "SET sql_mode = 'NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES'",
    "SET sql_mode = 'ALLOW_INVALID_DATES'", "SET collation_connection = utf8mb4_bin",
    "SET collation_connection = utf8mb4_unicode_520_ci", "SET collation_connection = latin1_swedish_ci",
)  # fmt: skip
SESSIONS_OF = {
    "mysql": ("SET windowing_use_high_precision = OFF",),
    "mariadb": ("SET collation_connection = utf8mb4_uca1400_ai_ci", "SET collation_connection = utf8mb4_nopad_bin"),
}
