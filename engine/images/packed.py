"""Compiled loops that pack dates which may be zero or partial into integers that sort as MySQL sorts.

The form is the server's own: months (year * 13 + month) << 46 | day << 41 | hour << 36 | minute << 30 | second << 24 |
microseconds. TIMESTAMPs are packed in UTC; the zero date is 0. NULLs become 0.
"""

from typing import Any

import numpy as np

from engine.images.kernels import Bytes, Places, big_endian, compiled, fraction


@compiled
def pack_dates(data: Bytes, at: Places, null: Bytes, out: Any) -> Any:
    """DATE in 3 bytes."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            place = at[row]
            value = (
                np.int64(data[np.uint64(place)])
                | np.int64(data[np.uint64(place + 1)]) << 8
                | np.int64(data[np.uint64(place + 2)]) << 16
            )
            out[row] = ((value >> 9) * 13 + (value >> 5 & 15)) << 46 | (value & 31) << 41
    return -1


@compiled
def pack_datetimes(data: Bytes, at: Places, null: Bytes, digits: int, out: Any) -> Any:
    """DATETIME2, which has the form in five bytes, and its fraction."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            value = big_endian(data, at[row], 5) - (np.int64(1) << 39)
            out[row] = value << 24 | fraction(data, at[row] + 5, digits)
    return -1


@compiled
def pack_old_datetimes(data: Bytes, at: Places, null: Bytes, out: Any) -> Any:
    """DATETIME of before 5.6: yyyymmddhhmmss as a number."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            value = np.int64(0)
            for i in range(8):
                value |= np.int64(data[np.uint64(at[row] + i)]) << (8 * i)
            date, time = value // 1000000, value % 1000000
            months = date // 10000 * 13 + date // 100 % 100
            clock = time // 10000 << 12 | time // 100 % 100 << 6 | time % 100
            out[row] = months << 46 | (date % 100) << 41 | clock << 24
    return -1


@compiled
def pack_timestamps(data: Bytes, at: Places, null: Bytes, digits: int, is_new: bool, out: Any) -> Any:
    """TIMESTAMP2, and TIMESTAMP of before 5.6 (little-endian), by H. Hinnant's civil_from_days."""
    for row in range(out.shape[0]):
        out[row] = 0
        if null[row]:
            continue
        place = at[row]
        if is_new:
            seconds = big_endian(data, place, 4)
        else:
            seconds = np.int64(0)
            for i in range(4):
                seconds |= np.int64(data[np.uint64(place + i)]) << (8 * i)
        if seconds == 0:
            continue
        days, clock = seconds // 86400 + 719468, seconds % 86400
        era = days // 146097
        of_era = days - era * 146097
        year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
        of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        part = (5 * of_year + 2) // 153
        month = part + 3 if part < 10 else part - 9
        year = year_of_era + era * 400 + (1 if month <= 2 else 0)
        day = of_year - (153 * part + 2) // 5 + 1
        packed = (year * 13 + month) << 5 | day
        packed = packed << 17 | clock // 3600 << 12 | clock // 60 % 60 << 6 | clock % 60
        out[row] = packed << 24 | fraction(data, place + 4, digits if is_new else 0)
    return -1
