"""Answers of a store over HTTP: whole ones, and the part of a file that was asked for."""

import http.server
from typing import Any


class Answering(http.server.BaseHTTPRequestHandler):
    """What handlers of the tests' stores have in common."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def give_part(self, content: bytes) -> None:
        """Answer with what the request's range is of a file, or with all of it."""
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1 if last else None]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        status = 206 if "Range" in self.headers else 200
        self.answer(status, part, **{"Content-Range": span, "ETag": '"1"', "Accept-Ranges": "bytes"})

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Answer with a body, which HEAD is not given."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
