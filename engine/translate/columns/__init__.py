"""The column definitions of executed statements, where they are not those of PREPARE."""
