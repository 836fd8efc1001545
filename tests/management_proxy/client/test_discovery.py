"""Model discovery against hostile names, addresses and servers."""

import datetime
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from management_proxy.client import discovery
from management_proxy.client.discovery import DiscoveryFailed, discover_models, models_of
from monitoring import addresses
from monitoring.addresses import AddressRefused, check_destination, checked_url

NAME = "models.example.test"
LISTED = (
    b'{"object": "list", "data": [{"id": "m-2"}, {"id": "m-1"}, {"id": 3}, {"id":'
    b' "bad\\u0000name"}]}'
)


@pytest.fixture
def loopback_allowed(settings):
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.1"]


class Resolver:
    """Resolves each look-up to the next of its results, as a hostile name server would."""

    def __init__(self, *results):
        self.results = list(results)
        self.lookups = 0

    def __call__(self, host, port):
        self.lookups += 1
        return self.results.pop(0)


@contextmanager
def serving(reply, tls=None):
    """A server that responds to every GET by `reply(handler)`; `seen` collects path, headers and
    SNI."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            reply(self)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        tls.sni_callback = lambda sock, name, context: seen.append(("sni", name))
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(body, status=200, **headers):
    def reply(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def test_models_are_listed_and_the_name_is_kept(loopback_allowed):
    with serving(respond(LISTED)) as (port, seen):
        found = discover_models(
            f"http://{NAME}:{port}/v1/",
            "sk-key",
            {"X-Team": "a", "Host": "evil"},
            resolve=Resolver(["127.0.0.1"]),
        )
    path, headers = seen[0]
    assert found == ["m-1", "m-2"]
    assert path == "/v1/models"
    assert headers["Host"] == f"{NAME}:{port}"
    assert (headers["Authorization"], headers["X-Team"]) == ("Bearer sk-key", "a")


def test_name_is_resolved_once_so_that_rebinding_changes_nothing(settings):
    settings.PRIVATE_PROVIDER_NETWORKS = ["::1"]
    resolver = Resolver(["::1"], ["127.0.0.1"])
    with serving(respond(LISTED)) as (port, seen), pytest.raises(DiscoveryFailed):
        # The second address has a server, the judged first one has none: no request may reach the
        # second.
        discover_models(f"http://{NAME}:{port}", resolve=resolver)
    assert (resolver.lookups, seen) == (1, [])


@pytest.mark.parametrize(
    "private",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.9",
        "169.254.3.4",
        "100.64.1.1",
        "0.1.2.3",
        "::1",
        "fe80::1",
        "fc00::1",
        "224.0.0.1",
    ],
)
def test_private_address_is_refused_even_behind_a_public_one(private):
    with pytest.raises(AddressRefused, match="private"):
        discover_models(f"https://{NAME}/v1", resolve=Resolver(["93.184.216.34", private]))


@pytest.mark.parametrize(
    "carrier",
    [
        "::ffff:10.0.0.1",
        "2002:0a00:0001::1",
        "64:ff9b::10.0.0.1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_private_address_inside_another_is_refused(carrier):
    with pytest.raises(AddressRefused):
        discover_models(f"https://{NAME}/v1", resolve=Resolver([carrier]))


@pytest.mark.parametrize(
    "metadata", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"]
)
def test_metadata_is_refused_whatever_is_allowed(settings, metadata):
    settings.PRIVATE_PROVIDER_NETWORKS = ["0.0.0.0/0", "::/0"]
    with pytest.raises(AddressRefused, match="metadata"):
        discover_models("http://metadata.example.test", resolve=Resolver([metadata]))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "https://user:pw@example.com",
        "https://@example.com",
        "https://example.com/?q=1",
        "https://example.com/#x",
        "https:///v1",
        "https://exa mple.com",
        "https://example.com\n",
        "https://example.com:99999",
        "https://example.com:0",
        "https://[::1",
        "//example.com",
        "x" * 600,
    ],
)
def test_malformed_url_is_refused(url):
    with pytest.raises(AddressRefused):
        checked_url(url)


def test_literal_private_address_is_refused_without_a_look_up():
    for url in ("http://127.0.0.1:8317/v1", "http://[::1]/v1", "http://[::ffff:127.0.0.1]/"):
        with pytest.raises(AddressRefused):
            check_destination(url, Resolver())


def test_destination_that_resolves_only_elsewhere_is_left_to_the_upstream():
    def nowhere(host, port):
        raise OSError("unknown")

    check_destination("http://ollama.internal.test:11434/v1", nowhere)


def test_redirect_is_not_followed(loopback_allowed):
    with (
        serving(respond(b"", 302, Location="http://127.0.0.1/")) as (port, seen),
        pytest.raises(DiscoveryFailed, match="redirects"),
    ):
        discover_models(f"http://{NAME}:{port}", resolve=Resolver(["127.0.0.1"]))
    assert len(seen) == 1


def test_response_without_end_is_cut(loopback_allowed, monkeypatch):
    monkeypatch.setattr(discovery, "LARGEST_RESPONSE", 100_000)

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    with serving(endless) as (port, _), pytest.raises(DiscoveryFailed, match="larger"):
        discover_models(f"http://{NAME}:{port}", resolve=Resolver(["127.0.0.1"]))


def test_headers_that_drip_end_at_the_total_limit(loopback_allowed, monkeypatch):
    monkeypatch.setattr(discovery, "TOTAL_SECONDS", 0.3)

    def drip(handler):
        try:
            for number in range(200):
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: "[number % 20 : number % 20 + 1])
                time.sleep(0.05)
        except OSError:
            pass

    with serving(drip) as (port, _), pytest.raises(DiscoveryFailed, match="in time"):
        discover_models(f"http://{NAME}:{port}", resolve=Resolver(["127.0.0.1"]))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (respond(b"", 401), "refuses the key"),
        (respond(b"", 500), "status 500"),
        (respond(b"<html>"), "not JSON"),
        (respond(b'{"data": 1}'), "not a list"),
        (respond(b"[" * 100_000), "not JSON"),
        (respond(b"x", Content_Encoding="gzip"), "encoding"),
    ],
)
def test_strange_response_is_reported(loopback_allowed, reply, reason):
    with serving(reply) as (port, _), pytest.raises(DiscoveryFailed, match=reason):
        discover_models(f"http://{NAME}:{port}", resolve=Resolver(["127.0.0.1"]))


def test_header_that_cannot_be_sent_is_reported(loopback_allowed):
    with pytest.raises(DiscoveryFailed, match="cannot be sent"):
        discover_models(f"http://{NAME}:1", "key\r\nX: y", resolve=Resolver(["127.0.0.1"]))


def test_all_forms_of_lists_are_read():
    assert models_of(b'{"models": [{"name": "models/a"}, "b"]}') == ["b", "models/a"]
    assert models_of(b'["b", "a"]') == ["a", "b"]


def certificate(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder(
        name,
        name,
        key.public_key(),
        x509.random_serial_number(),
        now,
        now + datetime.timedelta(hours=1),
    )
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    signed = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        key, hashes.SHA256()
    )
    (tmp_path / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_certificate_is_checked_against_the_name_not_the_address(loopback_allowed, tmp_path):
    cert, key = certificate(tmp_path)
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(cert, key)
    with serving(respond(LISTED), server_tls) as (port, seen):
        trusting = ssl.create_default_context(cafile=cert)
        assert discover_models(
            f"https://{NAME}:{port}", resolve=Resolver(["127.0.0.1"]), tls=trusting
        ) == ["m-1", "m-2"]
        assert ("sni", NAME) in seen
        with pytest.raises(DiscoveryFailed, match="cannot be reached"):
            discover_models(
                f"https://other.example.test:{port}", resolve=Resolver(["127.0.0.1"]), tls=trusting
            )


def test_look_up_that_hangs_ends_in_time(monkeypatch):
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 0.1)
    gate = threading.Event()
    monkeypatch.setattr(
        addresses.socket, "getaddrinfo", lambda *args, **kwargs: gate.wait(5) and []
    )
    try:
        with pytest.raises(OSError, match="in time"):
            addresses.resolve(NAME, 443)
    finally:
        gate.set()
