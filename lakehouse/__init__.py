"""Files in object stores as tables: table descriptions in, scan text out. Knows no packet and no socket."""
