"""Lake tables in the engine: scans of files where they lie, and answers written as files."""
