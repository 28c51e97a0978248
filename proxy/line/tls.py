"""TLS contexts of the two sides, and the key for passwords of clients without TLS."""

import ssl

from base.settings import Settings
from proxy.line.passwords import KeyPair


def client_context(settings: Settings) -> ssl.SSLContext | None:
    """Make the context for clients; None when TLS to clients is disabled."""
    if settings.tls == "disabled":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    paths = settings.paths
    context.load_cert_chain(settings.tls_cert or paths.tls_cert, settings.tls_key or paths.tls_key)
    return context


def backend_context(settings: Settings) -> ssl.SSLContext | None:
    """Make the context for the backend; None when TLS to it is disabled, or it is the private one on this machine."""
    if settings.backend_tls == "disabled" or not settings.backend:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.backend_tls == "verify":
        if settings.backend_tls_ca:
            context.load_verify_locations(settings.backend_tls_ca)
        else:
            context.load_default_certs()
        return context
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if settings.backend_tls_ca:
        context.load_verify_locations(settings.backend_tls_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def key_pair(settings: Settings) -> KeyPair | None:
    """Read the proxy's RSA key; None when the data dir has none."""
    paths = settings.paths
    if not paths.rsa_private.exists():
        return None
    return KeyPair.read(paths.rsa_private, paths.rsa_public)
