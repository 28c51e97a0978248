"""Certificates and keys made at the first start, as MySQL does: an authority, a server certificate, an RSA pair."""

import datetime
import ipaddress
import os
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from base import faults
from base.paths import Paths

_YEARS = 10
_BITS = 2048


def ensure(paths: Paths) -> None:
    """Make whatever of the TLS and RSA files is missing; keys are readable by their owner only."""
    paths.tls.mkdir(mode=0o700, exist_ok=True)
    if not (paths.tls_ca.exists() and paths.tls_cert.exists() and paths.tls_key.exists()):
        _make_certificates(paths)
    if not (paths.rsa_private.exists() and paths.rsa_public.exists()):
        key = _new_key()
        paths.rsa_public.unlink(missing_ok=True)  # half a pair must not pass for one
        write_private(paths.rsa_private, _pem(key))
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_whole(paths.rsa_public, public)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, at once or not at all."""
    write_whole(path, content, 0o600)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file at once or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    faults.point("before", "file")
    scratch.rename(path)
    faults.point("after", "file")


def _make_certificates(paths: Paths) -> None:
    authority_key, key = _new_key(), _new_key()
    authority_name = _name("warmfront auto-generated CA certificate")
    authority = (
        _builder(authority_name, authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("warmfront auto-generated server certificate"), authority_name, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_own_names()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    paths.tls_cert.unlink(missing_ok=True)  # one of another key must not pass for this one's
    write_private(paths.tls_key, _pem(key))
    write_whole(paths.tls_ca, authority.public_bytes(serialization.Encoding.PEM))
    write_whole(paths.tls_cert, certificate.public_bytes(serialization.Encoding.PEM))


def _own_names() -> list[x509.GeneralName]:
    loopback = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    return [*(x509.DNSName(name) for name in {"localhost", socket.gethostname()}), *loopback]


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of clients may be behind
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_BITS)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
