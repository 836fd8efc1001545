"""TLS in front of a server on this machine, with a certificate of an authority made for the
test."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: who signed, what was signed, and its key."""

    authority: Path
    chain: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def make_certificate(folder: Path, address: str = "127.0.0.1") -> Certificate:
    """A certificate for an IP address, by an authority that nobody knows yet."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        for name in ("An authority", "A server")
    ]
    now = datetime.datetime.now(datetime.UTC)
    span = (now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1))
    root = x509.CertificateBuilder(
        names[0], names[0], keys[0].public_key(), x509.random_serial_number(), *span
    )
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    leaf = x509.CertificateBuilder(
        names[0], names[1], keys[1].public_key(), x509.random_serial_number(), *span
    )
    leaf = leaf.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
    )
    files = Certificate(folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
    files.authority.write_bytes(
        root.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    files.chain.write_bytes(
        leaf.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    secret = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files.key.write_bytes(secret)
    return files


@contextmanager
def behind_tls(port: int, certificate: Certificate) -> Iterator[int]:
    """Serve what listens on a local port also over TLS; the port of that."""
    context = certificate.context
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, context, port), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            raw, _ = server.accept()
            threading.Thread(target=_relay, args=(raw, context, port), daemon=True).start()


def _relay(raw: socket.socket, context: ssl.SSLContext, port: int) -> None:
    try:
        outer = context.wrap_socket(raw, server_side=True)
    except OSError:
        raw.close()
        return
    with outer, socket.create_connection(("127.0.0.1", port)) as inner:
        back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
        back.start()
        _pump(outer, inner)
        back.join(60)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
