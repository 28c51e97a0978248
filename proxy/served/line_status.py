"""What a session's status variables say of its line: of the client's to us, not of ours to the backend.

A client that asks whether its connection is encrypted or compressed means its own. In performance_schema and `sys` the
backend tells of ours.
"""

import asyncio

from proxy.line.compressed import CompressedTransport

NAMES = ("compression", "compression_algorithm", "compression_level", "ssl_cipher", "ssl_version")


def line_status(client: asyncio.BaseTransport) -> dict[bytes, bytes]:
    """The values of these status variables for a client's transport, by name in lower case."""
    tls = client.get_extra_info("ssl_object")
    cipher = tls.cipher() if tls is not None else None
    found = {"ssl_cipher": cipher[0] if cipher else "", "ssl_version": (tls.version() or "") if tls is not None else ""}
    codec = client.codec if isinstance(client, CompressedTransport) else None
    found["compression"] = "ON" if codec else "OFF"
    found["compression_algorithm"] = codec.algorithm if codec else ""
    found["compression_level"] = str(codec.level) if codec else "0"
    return {name.encode(): value.encode() for name, value in found.items()}
