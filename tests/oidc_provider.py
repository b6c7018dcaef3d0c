"""A real OpenID provider on loopback, and a browser's way through it without a browser.

As a program (`python tests/oidc_provider.py PORT SECONDS`): the provider, its clock ahead by so many seconds.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Provider:
    """A running provider.

    Attributes:
        url: Its issuer.
        process: Stop it to have it down.
    """

    url: str
    process: subprocess.Popen[bytes]

    @property
    def metadata_url(self) -> str:
        """Where it describes itself."""
        return f"{self.url}/.well-known/openid-configuration"

    def add(self, sub: str, **claims: object) -> None:
        """Adds a person, or changes what it says of them."""
        httpx2.put(f"{self.url}/users/{sub}", json=claims).raise_for_status()

    def sign_in(self, address: str, sub: str) -> str:
        """Signs a person in where a browser was led to; the address that the browser is led back to."""
        answer = httpx2.post(address, data={"sub": sub}, timeout=30)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


@contextmanager
def provider(port: int, *, clock_seconds: int = 0) -> Iterator[Provider]:
    """A provider on that port, whose clock is ahead by some seconds, or behind by a negative number."""
    program = [sys.executable, "-W", "ignore", str(Path(__file__)), str(port), str(clock_seconds)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = Provider(f"http://localhost:{port}", process)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(found):
            assert process.poll() is None, "the provider ended"
            assert time.monotonic() < deadline, "the provider did not start"
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(found: Provider) -> bool:
    try:
        return httpx2.get(found.metadata_url, timeout=2).is_success
    except httpx2.TransportError:
        return False


def serve(port: int, clock_seconds: int) -> None:
    """Runs the provider until it is stopped."""
    # Loaded here: only the program needs them, and one warns of what is old in it.
    import werkzeug.serving
    from oidc_provider_mock import app

    real = time.time
    time.time = lambda: real() + clock_seconds
    werkzeug.serving.make_server("127.0.0.1", port, app(), threaded=True).serve_forever()


if __name__ == "__main__":
    import os

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    serve(int(sys.argv[1]), int(sys.argv[2]))
