"""Shows a page to paint on: the model completes what is painted over.

The model runs in the browser, and nothing leaves the machine. The page is served to this machine
alone, until Ctrl-C. With --output it is written as a static folder, which any file server shows.
"""

import contextlib
import functools
import http.server
import lzma
import shutil
import tempfile
import webbrowser
from pathlib import Path

from absl import flags

from deepfill_tf import atomic
from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError, reason

PACKAGE = Path(__file__).parent
PAGE = PACKAGE / "demo_page"
SAMPLE = PACKAGE / "photographs" / "train" / "palaisdes_papes.jpg"
# With the first two a browser gives the page threads.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


def _needs_tensorflow(values: flags.FlagValues) -> bool:
    from deepfill_tf.inference.onnx_inpainter import is_onnx_path

    return not (values.model and is_onnx_path(values.model))


COMMAND = Command(
    "deepfill-demo",
    __doc__,
    [
        Flag(
            "model",
            "A run directory, a model directory or an ONNX file that export wrote; without it the "
            'package\'s model. All but ONNX files need pip install "deepfill-tf[onnx]".',
        ),
        Flag("port", "Port on this machine; 0 is any free one.", 7860, define=flags.DEFINE_integer),
        Flag(
            "open",
            "Open the page in the browser; --noopen does not.",
            True,
            define=flags.DEFINE_boolean,
        ),
        Flag("output", "Write the page as a static folder, and serve nothing."),
    ],
    needs_tensorflow=_needs_tensorflow,
)


def run(values: flags.FlagValues) -> None:
    if values.output:
        write_page(values.output, values.model)
        print(f"wrote {values.output}")
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page")
        # A port in use is reported before a model is loaded.
        with server(page, values.port) as served:
            write_page(page, values.model)
            address = f"http://127.0.0.1:{served.server_address[1]}/"
            print(f"{address} (Ctrl-C stops)", flush=True)
            if values.open:
                webbrowser.open(address)
            with contextlib.suppress(KeyboardInterrupt):
                served.serve_forever()


def write_page(folder: str | Path, model: str | None = None) -> None:
    """Writes the page with a model as a static folder.

    Args:
      folder: a new or an empty folder.
      model: see `--model`.

    Raises UserError if `folder` holds something or cannot be written, or the model cannot be
    loaded.
    """
    path = Path(folder)
    try:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise UserError(f"{path} is not an empty folder; pass a new --output")
        with atomic.directory(path) as new:
            write_model(Path(new, "model.onnx"), model)
            _copy_page(Path(new))
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error


def _copy_page(folder: Path) -> None:
    """Copies the page's files, unpacked. Not their modes: the package may be read-only."""
    shutil.copyfile(SAMPLE, folder / "sample.jpg")
    for source in PAGE.rglob("*"):
        if source.is_dir():
            continue
        target = folder / source.relative_to(PAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".xz":
            with lzma.open(source) as packed, open(target.with_suffix(""), "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        else:
            shutil.copyfile(source, target)


def write_model(path: Path, model: str | None) -> None:
    """Writes the ONNX file of a model, see `--model`. Raises UserError if it cannot be had."""
    from deepfill_tf.inference.onnx_inpainter import is_onnx_path

    if model and is_onnx_path(model):
        try:
            shutil.copyfile(model, path)
        except OSError as error:
            raise UserError(f"cannot read --model={model}: {reason(error)}") from error
        return
    from deepfill_tf.inference.onnx_conversion import EXTRA_OUTPUTS
    from deepfill_tf.inference.onnx_exporting import save_onnx
    from deepfill_tf.storage.loading import load_with_provenance

    generator, provenance = load_with_provenance(model or None)
    save_onnx(generator, path, provenance, extra_outputs=EXTRA_OUTPUTS)


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder on 127.0.0.1, to be closed. Raises UserError if the port is in use."""
    handler = functools.partial(Handler, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot serve on --port={port}: {reason(error).rstrip('.')}; --port=0 takes a free one"
        ) from error


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with the headers that the page needs; requests are not logged."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | TYPES

    def end_headers(self):
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format, *args):
        pass

    def handle(self):
        # The browser closes connections that it no longer needs.
        with contextlib.suppress(ConnectionError):
            super().handle()


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
