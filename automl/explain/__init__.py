"""Why: of a whole model, and of one row."""
