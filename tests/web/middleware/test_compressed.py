"""Streamlit's own files are sent compressed to who takes it; everything else as the application sends it."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from analytics.web.middleware.compressed import CompressedFiles
from tests.web.asgi_requests import send_request

SCRIPT = "export const a = 1\n" * 1000


@pytest.fixture
def app(tmp_path: Path) -> CompressedFiles:
    """A directory with a script, a font and a file beside it that is not served."""
    directory = tmp_path / "served"
    (directory / "js").mkdir(parents=True)
    (directory / "js" / "a.123.js").write_text(SCRIPT)
    (directory / "js" / "late.123.js").write_text(SCRIPT)
    (directory / "font.woff2").write_bytes(b"w" * 1000)
    (tmp_path / "secret.js").write_text("no")
    inner = Starlette(routes=[Mount("/base/static", StaticFiles(directory=directory))])
    return CompressedFiles(inner, directory, "/base/static", {"late.": "await 1\n"})


@pytest.mark.parametrize(
    ("taken", "encoding"),
    [("gzip, deflate, br, zstd", "br"), ("BR;q=0.5", "br"), ("gzip, deflate, br;q=0", "gzip")],
)
def test_a_script_is_sent_compressed_and_kept_by_the_browser(
    app: CompressedFiles, taken: str, encoding: str
) -> None:
    """Its text is the same."""
    found = send_request(app, "/base/static/js/a.123.js", headers={"Accept-Encoding": taken})
    assert found.status_code == 200
    assert found.text == SCRIPT
    assert int(found.headers["Content-Length"]) < len(SCRIPT) / 10
    assert found.headers["Content-Encoding"] == encoding
    assert found.headers["Vary"] == "Accept-Encoding"
    assert "immutable" in found.headers["Cache-Control"]
    assert "javascript" in found.headers["Content-Type"]


def test_a_script_may_run_before_a_file(app: CompressedFiles) -> None:
    """In the same module, at its beginning; as its name does not change with that, a browser soon asks again."""
    path, taken = "/base/static/js/late.123.js", {"Accept-Encoding": "gzip"}
    found = send_request(app, path, headers=taken)
    assert found.text == f"await 1\n{SCRIPT}"
    assert "immutable" not in found.headers["Cache-Control"]
    for tag, status in ((found.headers["ETag"], 304), ('"another"', 200)):
        again = send_request(app, path, headers=taken | {"If-None-Match": tag})
        assert (again.status_code, again.headers["ETag"]) == (status, found.headers["ETag"])
        assert bool(again.content) == (status == 200)


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/base/static/js/a.123.js", "GET", {"Accept-Encoding": "identity"}),
        ("/base/static/js/a.123.js", "GET", {"Accept-Encoding": ""}),
        ("/base/static/js/a.123.js", "GET", {"Accept-Encoding": "bread, gzipped"}),
        ("/base/static/js/a.123.js", "GET", {"Range": "bytes=0-9"}),
        ("/base/static/js/a.123.js", "HEAD", {}),
        ("/base/static/font.woff2", "GET", {}),
        ("/base/static/js/b.js", "GET", {}),
        ("/base/static/../secret.js", "GET", {}),
        ("/base/static/%2e%2e/secret.js", "GET", {}),
        ("/base/static/js//a.123.js", "GET", {}),
        ("/static/js/a.123.js", "GET", {}),
    ],
)
def test_anything_else_is_as_the_application_sends_it(
    app: CompressedFiles, path: str, method: str, headers: dict[str, str]
) -> None:
    """A part of a file, what is compressed already, an unknown name, a way out of the directory, another base."""
    headers = {"Accept-Encoding": "gzip"} | headers
    found, alone = (send_request(each, path, method, headers=headers) for each in (app, app._app))
    assert "Content-Encoding" not in found.headers
    is_known = path == "/base/static/js/a.123.js" and method == "GET"
    assert found.headers.get("Vary") == ("Accept-Encoding" if is_known else None)
    assert (found.status_code, found.content) == (alone.status_code, alone.content)
