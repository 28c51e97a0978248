"""Rows as models read them: columns of MySQL kinds, their roles, the matrix."""
