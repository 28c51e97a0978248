"""Models at rest: as bytes, read back without trust."""
