"""The demo's command: the folder that it writes, what it serves, what it refuses."""

import hashlib
import lzma
import re
import socket
import threading
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import onnx
import pytest

from deepfill_tf import demo
from deepfill_tf.errors import UserError
from deepfill_tf.storage.model_files import Provenance, write_model_files
from tests.command_calls import assert_one_line, call, contents
from tests.small_generators import small_generator


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    """The page does not look into it: that is the browser's."""
    path = tmp_path_factory.mktemp("models") / "some.onnx"
    path.write_bytes(b"a model")
    return path


@pytest.fixture(scope="module")
def page(onnx_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "page"
    demo.write_page(folder, str(onnx_file))
    return folder


def test_writes_a_static_folder(onnx_file, tmp_path, capfd):
    assert call(demo, model=onnx_file, output=tmp_path / "page") == 0
    assert capfd.readouterr() == (f"wrote {tmp_path / 'page'}\n", "")
    assert (tmp_path / "page" / "model.onnx").read_bytes() == b"a model"


def test_a_read_only_package_makes_a_folder_that_may_be_changed(onnx_file, tmp_path, monkeypatch):
    package, page = tmp_path / "package", tmp_path / "a page"
    (package / "folder").mkdir(parents=True)
    (package / "folder" / "a.js.xz").write_bytes(lzma.compress(b"a script"))
    for path in (package / "folder" / "a.js.xz", package / "folder", package):
        path.chmod(0o555)
    monkeypatch.setattr(demo, "PAGE", package)
    demo.write_page(page, str(onnx_file))
    assert contents(page).keys() == {Path("sample.jpg"), Path("model.onnx"), Path("folder/a.js")}
    assert (page / "folder" / "a.js").read_bytes() == b"a script"
    assert all(path.stat().st_mode & 0o200 for path in (page, *page.rglob("*")))


def test_everything_that_the_page_names_is_there(page):
    html = (page / "index.html").read_text()
    names = re.findall(r'(?:src|href)="([^"#]+)"', html)
    for script in page.glob("*.js"):
        names += re.findall(r'from "\./(.+?)"', script.read_text())
        assert not re.search(r'from "[^.]', script.read_text()), script
    assert {"main.js", "style.css", "onnxruntime/ort.webgpu.min.mjs"} <= set(names)
    assert [name for name in names if not (page / name).is_file()] == []
    assert not list(page.rglob("*.xz"))


def test_the_runtime_is_the_one_that_its_readme_names(page):
    files = re.findall(r"\| `(.+)` \| `(\w{64})` \|", (page / "onnxruntime/README.md").read_text())
    assert len(files) == 3
    for name, digest in files:
        content = (page / "onnxruntime" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name


def test_serves_this_machine_alone_with_headers_for_threads(page):
    with demo.server(page, 0) as server:
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for path, kind in (
            ("", "text/html"),
            ("main.js", "text/javascript"),
            ("onnxruntime/ort.webgpu.min.mjs", "text/javascript"),
            ("onnxruntime/ort-wasm-simd-threaded.asyncify.wasm", "application/wasm"),
        ):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as response:
                assert response.headers["Content-Type"] == kind
                assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/../../etc/passwd")
        assert connection.getresponse().status == 404
        connection.close()
        server.shutdown()


def test_a_model_directory_is_exported(tmp_path):
    (tmp_path / "model").mkdir()
    generator = small_generator(refinement=False)
    write_model_files(generator, tmp_path / "model", Provenance("a test's random numbers"))
    demo.write_page(tmp_path / "page", str(tmp_path / "model"))
    outputs = onnx.load(tmp_path / "page" / "model.onnx").graph.output
    assert [output.name for output in outputs] == ["completed", "coarse", "offsets"]


def test_refuses_a_folder_that_holds_something(onnx_file, tmp_path, capfd):
    (tmp_path / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    assert call(demo, model=onnx_file, output=tmp_path) == 1
    assert_one_line(capfd, str(tmp_path), "not an empty folder")
    assert call(demo, model=onnx_file, output=tmp_path / "mine.txt" / "page") == 1
    assert_one_line(capfd, "cannot write", str(tmp_path / "mine.txt" / "page"))
    assert call(demo, model=tmp_path / "no.onnx", output=tmp_path / "page") == 1
    assert_one_line(capfd, "no.onnx", "--model")
    assert call(demo, model=tmp_path / "nowhere", output=tmp_path / "page") == 1
    assert_one_line(capfd, "nowhere")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("port", [-1, 65536])
def test_refuses_ports_that_there_are_not(page, port):
    with pytest.raises(UserError, match=f"--port={port}"):
        demo.server(page, port)


def test_refuses_a_port_in_use_before_anything_is_computed(tmp_path, capfd):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert call(demo, model=tmp_path / "no.onnx", port=port) == 1
        assert_one_line(capfd, f"--port={port}", "--port=0 takes a free one")


def test_modules_of_the_page_are_short():
    for path in Path(demo.PAGE).glob("*.js"):
        assert len(path.read_text().splitlines()) <= 300, path.name
