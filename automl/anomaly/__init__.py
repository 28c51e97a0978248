"""Anomaly detection: how far a row is from others, in a space of scaled numbers and categories."""
