"""What a server keeps in temporary tables on its way to an answer, and what that does to the digits."""
