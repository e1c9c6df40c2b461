"""Small servers and proxies that misbehave, on free ports of this machine."""

import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

JSON_HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def envelope(data):
    return json.dumps({"code": 0, "data": data}).encode()


def response(body, head=JSON_HEADERS, extra=b""):
    return head + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Peer:
    """One connection to a server, after its request was read."""

    def __init__(self, sock, raw, request):
        self.sock, self.raw, self.request = sock, raw, request

    def send(self, data):
        self.sock.sendall(data)

    def send_plain(self, data):
        """Send bytes below TLS."""
        self.raw.sendall(data)

    def reset(self):
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        # A TLS socket has taken the file descriptor over.
        for sock in (self.sock, self.raw):
            with suppress(OSError):
                sock.close()


class _RawTls:
    """A TLS connection whose records can be left out."""

    def __init__(self, sock, context):
        self._sock, self._in, self._out = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._run(self._tls.do_handshake)

    def _run(self, step, *arguments):
        while True:
            try:
                return step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._sock.recv(65536)
                if not data:
                    raise ConnectionError("closed") from None
                self._in.write(data)
            finally:
                self._flush()

    def _flush(self):
        if self._out.pending:
            self._sock.sendall(self._out.read())

    def recv(self, size):
        return self._run(self._tls.read, size)

    def sendall(self, data):
        for start in range(0, len(data), 16_000):
            self._run(self._tls.write, data[start : start + 16_000])

    def close(self):
        self._sock.close()


class Server:
    """Reads a request, counts it, and hands it to ``behave(peer)``; again until the connection ends.

    :param accept: is called with each new connection before anything else; ends it by returning ``False``.
    """

    def __init__(self, behave, *, context=None, accept=lambda sock: True):
        self.requests = []
        self._behave, self._context, self._accept = behave, context, accept
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = []
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, raw):
        with suppress(OSError, ValueError):
            if self._accept(raw) is False:
                raw.close()
                return
            sock = self._secure(raw) if self._context else raw
            while request := read_request(sock):
                self.requests.append(request)
                self._behave(Peer(sock, raw, request))
        with suppress(OSError):
            raw.close()

    def _secure(self, raw):
        try:
            return _RawTls(raw, self._context)
        except ssl.SSLError:
            # Closed at once, a reset would overtake the alert.
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(1000):
                pass
            raise

    def close(self):
        self._listener.close()
        for sock in self._sockets:
            with suppress(OSError):
                sock.close()


def read_request(sock):
    """The bytes of one request, with its body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        more = sock.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


def tunnel(peer):
    """What a proxy does with a CONNECT: it passes bytes on."""
    host, _, port = peer.request.split()[1].decode().rpartition(":")
    upstream = socket.create_connection((host.strip("[]"), int(port)))
    peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    back = threading.Thread(target=_pump, args=(upstream, peer.raw), daemon=True)
    back.start()
    _pump(peer.raw, upstream)


def _pump(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class Authority:
    """A certificate authority and a server's certificate."""

    def __init__(self, folder):
        self.bundle = str(folder / "ca.pem")
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        self._certificate = self._sign(
            name, name, self._key, [(x509.BasicConstraints(True, None), True), (usage, True)]
        )
        (folder / "ca.pem").write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host="127.0.0.1", *, client_certificate=False):
        """A server's TLS context, with a certificate for ``host``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        try:
            names = [x509.IPAddress(ipaddress.ip_address(host))]
        except ValueError:
            names = [x509.DNSName(host)]
        issuer = self._certificate.subject
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = self._sign(
            subject, issuer, key, [(x509.SubjectAlternativeName(names), False), (identifier, False)]
        )
        path = self._folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.bundle)
        return context

    def _sign(self, subject, issuer, key, extensions):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())
