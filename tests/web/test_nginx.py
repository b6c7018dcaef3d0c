"""Behind a real nginx with the documented configuration: over TLS, under a prefix, two processes, with and without ip_hash."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.conftest import ROOT
from tests.web.program import DEMO, Served, page, served

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    NGINX is None or shutil.which("openssl") is None, reason="nginx and openssl have to be installed"
)
AROUND = """
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


@dataclass
class Site:
    """A dashboard behind nginx.

    Attributes:
        url: Its public address.
        plain: The port without TLS.
        tls: Trusts its certificate.
        processes: That serve it.
    """

    url: str
    plain: int
    tls: ssl.SSLContext
    processes: list[Served]

    def get(self, path: str, *, follows: bool = False) -> httpx2.Response:
        """An answer of it, perhaps behind a redirect."""
        with httpx2.Client(verify=self.tls, follow_redirects=follows) as client:
            return client.get(self.url + path)

    def visit(self) -> None:
        """Opens a page as a browser does, and waits for the first message of its run."""
        cookie = self.get("/").headers["set-cookie"].partition(";")[0]
        address = self.url.replace("https://", "wss://")
        origin = "/".join(self.url.split("/")[:3])
        with page(
            address, ssl=self.tls, additional_headers={"Cookie": cookie, "Origin": origin}
        ) as connection:
            assert connection.recv(timeout=20)

    def warnings(self) -> list[str]:
        """The processes' warnings about where requests come to."""
        return [
            line for each in self.processes for line in each.log.read_text().splitlines() if "sticky" in line
        ]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a certificate for this machine."""
    made = tmp_path_factory.mktemp("nginx")
    made.chmod(0o755)
    wanted = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-nodes"]
    files = ["-keyout", str(made / "key.pem"), "-out", str(made / "cert.pem")]
    program = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *wanted, *files]
    subprocess.run(program, check=True, capture_output=True)
    return made


@contextmanager
def site(directory: Path, path: str, count: int, *changes: tuple[str, str]) -> Iterator[Site]:
    """The documented configuration on other ports, before as many processes.

    Args:
        directory: With the certificate.
        path: Of the public address.
        count: Processes, 1 or 2.
        changes: Made to the configuration; what is replaced has to be there.
    """
    plain, tls = _free_port(), _free_port()
    url = f"https://localhost:{tls}{path}"
    with ExitStack() as opened:
        processes = []
        for number in range(count):
            place = directory / f"{tls}-{number}"
            place.mkdir()
            variables = DEMO | {"INBOX_ANALYTICS_PUBLIC_URL": url}
            processes.append(opened.enter_context(served(place, variables)))
        text = (ROOT / "docs" / "nginx.conf").read_text()
        for old, new in (
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
            ("return 301 https://$host$request_uri;", f"return 301 https://$host:{tls}$request_uri;"),
            ("/etc/ssl/inbox.example.com.pem", str(directory / "cert.pem")),
            ("/etc/ssl/inbox.example.com.key", str(directory / "key.pem")),
            ("127.0.0.1:8501", f"127.0.0.1:{processes[0].port}"),
            ("127.0.0.1:8502", f"127.0.0.1:{processes[-1].port}"),
            *changes,
        ):
            assert old in text
            text = text.replace(old, new)
        (directory / "site.conf").write_text(text)
        (directory / "nginx.conf").write_text(AROUND.format(directory=directory))
        program = [str(NGINX), "-p", str(directory), "-c", str(directory / "nginx.conf")]
        started = subprocess.Popen(
            [*program, "-e", str(directory / "error.log"), "-g", "daemon off;"], stderr=subprocess.PIPE
        )
        opened.callback(started.communicate)
        opened.callback(started.send_signal, signal.SIGTERM)
        _wait_for(tls, started)
        yield Site(url, plain, ssl.create_default_context(cafile=directory / "cert.pem"), processes)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_two_processes_over_tls(directory: Path) -> None:
    """Pages, addresses without a page, a page's socket; each browser stays with one process, and goes on without it."""
    with site(directory, "", 2) as behind:
        from_plain = httpx2.get(f"http://localhost:{behind.plain}/live?range=7d")
        assert from_plain.headers["Location"] == f"{behind.url}/live?range=7d"
        found = behind.get("/live?range=7d")
        assert found.status_code == 200
        assert "; Secure" in found.headers["Set-Cookie"]
        assert str(behind.get("/live/?range=7d", follows=True).url) == f"{behind.url}/live?range=7d"
        assert behind.get("/nothing").status_code == 404
        assert behind.get(f"/live?{'x' * 12_000}").status_code == 200
        for _ in range(3):
            behind.visit()
        served_by = [each for each in behind.processes if '"WEBSOCKET"' in each.log.read_text()]
        assert len(served_by) == 1
        assert behind.warnings() == []
        (line,) = served_by[0].lines(found.headers["X-Request-ID"])
        assert (line["path"], line["client"]) == ("/live", "127.0.0.1")
        served_by[0].stop()
        behind.visit()
        (other,) = (each for each in behind.processes if each is not served_by[0])
        assert other.lines('"WEBSOCKET"')


@pytest.mark.parametrize("upstream", ["http://inbox_analytics;", "http://inbox_analytics/;"])
def test_under_a_prefix_that_is_passed_on_or_taken_away(directory: Path, upstream: str) -> None:
    """Nothing leaves it: neither a slash after a page nor files nor the page's socket nor cookies nor sign-in."""
    changes = (("location / {", "location /analytics/ {"), ("http://inbox_analytics;", upstream))
    with site(directory, "/analytics", 1, *changes) as behind:
        for path, ends in (("", "/"), ("/", "/"), ("/live", "/live"), ("/live/?range=7d", "/live?range=7d")):
            found = behind.get(path, follows=True)
            assert (found.status_code, str(found.url)) == (200, behind.url + ends)
        assert "; Path=/analytics;" in found.headers["Set-Cookie"]
        assert behind.get("/nothing").status_code == 404
        assert behind.get("/app/static/icon.png").status_code == 200
        assert behind.get("/_stcore/health").text == "ok"
        assert behind.get("/livez").status_code == 200
        back = behind.get("/oauth2callback")
        assert (back.status_code, back.headers["Location"]) == (302, "/analytics/")
        behind.visit()


def test_without_ip_hash_it_is_said(directory: Path) -> None:
    """The document comes from one process and the page's socket goes to the other."""
    with site(directory, "", 2, ("    ip_hash;\n", "")) as behind:
        deadline = time.monotonic() + 30
        while not behind.warnings():
            assert time.monotonic() < deadline
            behind.visit()
            time.sleep(0.3)
