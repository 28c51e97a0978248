"""Lake tables in the proxy: their DDL, and statements that only the engine may answer."""
