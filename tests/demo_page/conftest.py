"""A browser, and the demo's page in it."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from deepfill_tf.demo import server, write_page
from tests.demo_page.driver import Driver

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Root may not have a sandbox; WebGPU is emulated by the processor; the others keep the browser from
# calling home.
ARGUMENTS = [
    "--no-sandbox",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"viewport": {"width": 1000, "height": 700}}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, f"these tests need one of {', '.join(BROWSERS)}: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served(folder: Path, model: Path) -> Iterator[str]:
    """The address of the page with an ONNX file."""
    write_page(folder, str(model))
    with server(folder, 0) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/"
        http.shutdown()


@contextmanager
def opened(browser: Browser, address: str, **context) -> Iterator[Driver]:
    """The page; at the end it must have asked for nothing foreign and reported no error."""
    opened_context = browser.new_context(**(context or DESKTOP))
    opened_context.set_default_timeout(60_000)
    page = opened_context.new_page()
    driver = Driver(page, [], set())
    page.on("console", lambda m: driver.errors.append(m.text) if m.type == "error" else None)
    # Asks before a result that was not saved is replaced.
    page.on("dialog", driver.answer)
    page.on("pageerror", lambda error: driver.errors.append(str(error)))
    page.on("request", lambda request: driver.origins.add("/".join(request.url.split("/")[:3])))
    try:
        page.goto(address)
        yield driver
    finally:
        opened_context.close()
    assert driver.errors == []
    own = "/".join(address.split("/")[:3])
    assert {origin for origin in driver.origins if not origin.startswith("blob:")} == {own}
