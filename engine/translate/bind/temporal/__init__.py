"""Dates, times and moments: their parts, formats and zones."""
