"""Scrambles of the authentication plugins, as pure functions.

Source: "Authentication Methods" of the MySQL client/server protocol documentation.
"""

import hashlib
import hmac


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def native_scramble(password: bytes, nonce: bytes) -> bytes:
    """mysql_native_password: SHA1(pw) xor SHA1(nonce + SHA1(SHA1(pw))); empty for no password."""
    if not password:
        return b""
    first = hashlib.sha1(password).digest()
    return _xor(first, hashlib.sha1(nonce[:20] + hashlib.sha1(first).digest()).digest())


def sha2_scramble(password: bytes, nonce: bytes) -> bytes:
    """caching_sha2_password, fast path: SHA256(pw) xor SHA256(SHA256(SHA256(pw)) + nonce)."""
    if not password:
        return b""
    first = hashlib.sha256(password).digest()
    return _xor(first, hashlib.sha256(hashlib.sha256(first).digest() + nonce[:20]).digest())


def obfuscate(password: bytes, nonce: bytes) -> bytes:
    """What RSA encrypts on the full path: NUL-terminated password xor the repeated nonce. Its own inverse."""
    return bytes(b ^ nonce[i % 20] for i, b in enumerate(password))


def same(left: bytes, right: bytes) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left, right)
