"""Files in object stores and folders as tables, and back: descriptions in, files, scans and rows as bytes out."""
