"""Is the copy still equal to its source? Compared in pieces, at one position each, while both go on changing."""
