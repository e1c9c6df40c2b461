"""What one `get_import_progress` costs beside a bare requests session, pymilvus and httpx, over HTTP and over TLS.

The server is a process of its own that responds to every POST with the same progress record at once, so that the
results are the clients' own cost. Calls of the contestants alternate; each result is the median of all its calls.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import multiprocessing
import os
import ssl
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 400
JOB_ID = "453240863839750922"
DETAILS = {"fileName": "[a/1.parquet]", "fileSize": 31567773, "progress": 100, "state": "Completed", "totalRows": 10000}
PROGRESS = {
    "collectionName": "quick_setup",
    "completeTime": "2026-10-15T15:27:41+08:00",
    "details": [{**DETAILS, "importedRows": 10000, "completeTime": "2026-10-15T15:27:33+08:00"}],
    "fileSize": 31567773,
    "importedRows": 10000,
    "jobId": JOB_ID,
    "progress": 100,
    "state": "Completed",
    "totalRows": 10000,
}


def serve(pipe: Any, cert: str | None) -> None:
    """Respond to every request of a kept-alive connection with the progress record."""
    body = json.dumps({"code": 0, "data": PROGRESS}).encode()
    response = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                writer.write(response)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        context = None
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert)
        server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=context)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def certificate(folder: Path) -> str:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "benchmark")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + cert.public_bytes(serialization.Encoding.PEM))
    return str(path)


def measure(scheme: str, port: int, cert: str | None) -> dict[str, float]:
    """Median milliseconds of one call for each contestant."""
    import requests
    from pymilvus.bulk_writer import get_import_progress

    from airflow_provider_milvus.hooks.milvus import MilvusHook

    url = f"{scheme}://127.0.0.1:{port}"
    os.environ["AIRFLOW_CONN_MILVUS_BENCH"] = json.dumps(
        {"conn_type": "milvus", "host": url, "extra": {"ca_bundle": cert} if cert else {}}
    )
    hook = MilvusHook("milvus_bench")
    session = requests.Session()
    describe = f"{url}/v2/vectordb/jobs/import/describe"
    contestants = {
        "requests.Session().post().json()": lambda: session.post(
            describe, json={"jobId": JOB_ID}, verify=cert or True
        ).json(),
        "MilvusHook.get_import_progress": lambda: hook.get_import_progress(JOB_ID),
        "pymilvus get_import_progress": lambda: get_import_progress(url, JOB_ID, verify=cert or True).json(),
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, call in contestants.items():
            start = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(found) for name, found in times.items()}


async def measure_async(scheme: str, port: int, cert: str | None) -> dict[str, float]:
    """The same for an event loop; after :func:`measure`, which defines the connection."""
    import httpx

    from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook

    url = f"{scheme}://127.0.0.1:{port}"
    describe = f"{url}/v2/vectordb/jobs/import/describe"
    verify = ssl.create_default_context(cafile=cert) if cert else True
    times: dict[str, list[float]] = {"httpx.AsyncClient().post().json()": [], "MilvusAsyncHook.get_import_progress": []}
    bare, ours = times.values()
    async with httpx.AsyncClient(verify=verify) as client, MilvusAsyncHook("milvus_bench") as hook:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            (await client.post(describe, json={"jobId": JOB_ID})).json()
            middle = time.perf_counter()
            await hook.get_import_progress(JOB_ID)
            bare.append((middle - start) * 1000)
            ours.append((time.perf_counter() - middle) * 1000)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for scheme, cert in (("http", None), ("https", certificate(Path(folder)))):
            ours, theirs = multiprocessing.Pipe()
            server = multiprocessing.Process(target=serve, args=(theirs, cert), daemon=True)
            server.start()
            try:
                port = ours.recv()
                found, found_async = measure(scheme, port, cert), asyncio.run(measure_async(scheme, port, cert))
            finally:
                server.terminate()
            for medians in (found, found_async):
                bare = next(iter(medians.values()))
                print(f"\n{scheme}: {ROUNDS} alternating calls each, medians")
                for name, ms in medians.items():
                    print(f"  {name:36} {ms:7.3f} ms  {ms / bare:6.2f} x the bare client")


if __name__ == "__main__":
    main()
