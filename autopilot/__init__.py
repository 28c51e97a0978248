"""Advice and routing costs: facts in, decisions with reasons out. Knows no packet and no socket."""
