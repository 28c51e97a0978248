"""Functions of texts: patterns, pieces, places, codes."""
