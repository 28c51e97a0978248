"""Where the files of one data dir are: the layout of docs/internals.md, in one place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one data dir."""

    data_dir: Path

    @property
    def client_cnf(self) -> Path:
        """Option file for the mysql command line."""
        return self.data_dir / "client.cnf"

    @property
    def run(self) -> Path:
        """Folder of what lives as long as the supervisor."""
        return self.data_dir / "run"

    @property
    def settings(self) -> Path:
        """Effective settings as JSON."""
        return self.run / "settings.json"

    @property
    def pid(self) -> Path:
        """Pid of the supervisor, locked while it lives."""
        return self.run / "warmfront.pid"

    @property
    def ready(self) -> Path:
        """Written when clients can connect."""
        return self.run / "ready"

    @property
    def engine_socket(self) -> Path:
        """The engine's MySQL endpoint."""
        return self.run / "engine.sock"

    @property
    def engine_secret(self) -> Path:
        """Password of user warmfront on the engine's endpoint, in hex."""
        return self.run / "engine.secret"

    @property
    def quarantine(self) -> Path:
        """Statements that are not offloaded because a check found another answer than the backend's."""
        return self.data_dir / "store" / "quarantine.json"

    @property
    def signatures(self) -> Path:
        """What gives access in the addresses of lake tables; 0600."""
        return self.data_dir / "store" / "signatures.jsonl"

    @property
    def exports(self) -> Path:
        """Exports that have begun and not ended."""
        return self.data_dir / "store" / "exports"

    @property
    def mysql(self) -> Path:
        """Folder of the embedded backend."""
        return self.data_dir / "mysql"

    @property
    def mysql_socket(self) -> Path:
        """Socket of the embedded backend."""
        return self.mysql / "mysql.sock"

    @property
    def tls(self) -> Path:
        """Folder of certificates and keys."""
        return self.data_dir / "tls"

    @property
    def tls_ca(self) -> Path:
        """Certificate of the authority that signed the server certificate."""
        return self.tls / "ca.pem"

    @property
    def tls_cert(self) -> Path:
        """Server certificate shown to clients."""
        return self.tls / "server-cert.pem"

    @property
    def tls_key(self) -> Path:
        """Key of the server certificate."""
        return self.tls / "server-key.pem"

    @property
    def rsa_private(self) -> Path:
        """RSA key that opens passwords sent without TLS."""
        return self.tls / "rsa-private.pem"

    @property
    def rsa_public(self) -> Path:
        """RSA key that clients seal their password with."""
        return self.tls / "rsa-public.pem"

    @property
    def store(self) -> Path:
        """Folder of the columnar copy."""
        return self.data_dir / "store"

    @property
    def store_file(self) -> Path:
        """The column store."""
        return self.store / "store.duckdb"

    @property
    def collations(self) -> Path:
        """Collation weights fetched from the server."""
        return self.store / "collations"

    @property
    def logs(self) -> Path:
        """Folder of the log files."""
        return self.data_dir / "logs"
