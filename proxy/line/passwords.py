"""Passwords on their way through the proxy: sealed with one side's RSA key, opened with ours."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from base.errors import AccessDenied
from wire.auth import obfuscate

_PADDING = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


class KeyPair:
    """The proxy's own RSA key, shown to clients that log in without TLS."""

    def __init__(self, private_pem: bytes, public_pem: bytes) -> None:
        key = serialization.load_pem_private_key(private_pem, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the private key is not an RSA key")
        self._private = key
        self.public_pem = public_pem

    @classmethod
    def read(cls, private: Path, public: Path) -> "KeyPair":
        """Read the two PEM files."""
        return cls(private.read_bytes(), public.read_bytes())

    def open(self, sealed: bytes, nonce: bytes) -> bytes:
        """Give the NUL-terminated password that a client sealed with our key. Raises AccessDenied."""
        try:
            return obfuscate(self._private.decrypt(sealed, _PADDING), nonce)
        except ValueError as problem:
            raise AccessDenied("Access denied: the password was not encrypted with this server's key") from problem


def seal(password: bytes, nonce: bytes, public_pem: bytes) -> bytes:
    """Encrypt a NUL-terminated password with a server's public key. Raises AccessDenied."""
    try:
        key = serialization.load_pem_public_key(public_pem)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise AccessDenied("Access denied: the backend's public key cannot be read") from problem
    if not isinstance(key, rsa.RSAPublicKey):
        raise AccessDenied("Access denied: the backend's public key is not an RSA key")
    return key.encrypt(obfuscate(password, nonce), _PADDING)
