"""Comparisons, choices and conversions among values of any type, and what a constant is."""
