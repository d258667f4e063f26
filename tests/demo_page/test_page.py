"""The page with a guided model, in a real browser."""

import itertools

import numpy as np
import onnxruntime
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from deepfill_tf.inference.onnx_exporting import save_onnx
from deepfill_tf.storage.model_files import Provenance
from tests.demo_page.conftest import DESKTOP, opened, served
from tests.small_generators import random_images, small_generator

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "guided.onnx"
    provenance = Provenance("a test's random numbers")
    # Offsets of another size than by default, which the page knows from the file alone.
    generator = small_generator(guided=True, attention_options={"rate": 4})
    save_onnx(generator, path, provenance, extra_outputs=("coarse", "offsets"))
    return path


@pytest.fixture(scope="module")
def address(model, tmp_path_factory):
    with served(tmp_path_factory.mktemp("site") / "page", model) as address:
        yield address


@pytest.fixture(scope="module")
def opened_page(browser, address):
    with opened(browser, address) as driver:
        yield driver


@pytest.fixture
def page(opened_page):
    """One page for all tests: each opens a photograph of its own."""
    opened_page.page.keyboard.press("b")
    return opened_page


@pytest.fixture(scope="module")
def session(model):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def photo(width: int = 120, height: int = 90) -> np.ndarray:
    return random_images(height, width, 3)


def test_paints_completes_undoes_and_saves(page, session, tmp_path):
    image = photo()
    page.open_pixels(image, tmp_path)
    page.drag((40, 30), (70, 50))
    mask = page.saved_mask()
    # A stroke of the brush's size, 8 pixels: a capsule.
    assert mask[40, 55] and not mask[60, 55] and 200 < mask.sum() < 500
    page.complete()
    completed = page.saved()
    np.testing.assert_array_equal(completed[~mask], image[~mask])
    assert (completed[mask] != image[mask]).any()

    inputs = {"image": image[None], "mask": 255 * mask[None, :, :, None].astype(np.uint8)}
    inputs["sketch"] = np.zeros_like(inputs["mask"])
    (expected,) = session.run(["completed"], inputs)
    assert np.abs(completed.astype(int) - expected[0]).max() <= 1

    # Nothing is painted any more: the mask is that of the completion.
    np.testing.assert_array_equal(page.saved_mask(), mask)
    page.page.click("#undo")
    np.testing.assert_array_equal(page.saved(), image)
    np.testing.assert_array_equal(page.saved_mask(), mask)
    page.page.keyboard.press("Control+Shift+Z")
    np.testing.assert_array_equal(page.saved(), completed)


def test_webgpu_completes_as_webassembly_does(browser, address, page, tmp_path):
    page.open_pixels(photo(), tmp_path)
    page.drag((40, 30), (70, 50))
    page.complete()
    with opened(browser, f"{address}?backend=webgpu") as by_gpu:
        by_gpu.open_pixels(photo(), tmp_path)
        by_gpu.drag((40, 30), (70, 50))
        # The processor that emulates the GPU first compiles its programs.
        by_gpu.complete(seconds=300)
        expect(by_gpu.page.locator("#model")).to_contain_text("WebGPU")
        mask = by_gpu.saved_mask()
        assert mask.any() and (mask == page.saved_mask()).all()
        difference = by_gpu.saved().astype(int) - page.saved()
    assert np.abs(difference).max() <= 1 and not difference[~mask].any()


def test_a_saved_image_opens_again_and_is_completed_again(page, tmp_path):
    page.open_pixels(photo(), tmp_path)
    page.drag((40, 30), (70, 50))
    page.complete()
    first = page.saved()
    Image.fromarray(first).save(tmp_path / "again.png")
    page.open(tmp_path / "again.png")
    np.testing.assert_array_equal(page.saved(), first)
    page.drag((60, 60), (80, 60))
    mask = page.saved_mask()
    page.complete()
    np.testing.assert_array_equal(page.saved()[~mask], first[~mask])


def test_views_and_comparison(page, session, tmp_path):
    image = np.full([64, 64, 3], (40, 90, 200), np.uint8)
    page.open_pixels(image, tmp_path)
    page.select("Box")
    page.drag((16, 16), (48, 48))
    mask = page.saved_mask()
    page.complete()
    completed = page.saved()
    inputs = {"image": image[None], "mask": 255 * mask[None, :, :, None].astype(np.uint8)}
    inputs["sketch"] = np.zeros_like(inputs["mask"])
    coarse, offsets = session.run(["coarse", "offsets"], inputs)

    def is_near(color):
        return np.abs(page.color_at(32.5, 32.5) - color).max() <= 40

    page.select("Coarse")
    assert is_near(coarse[0, 32, 32])
    page.select("Original")
    assert is_near(image[32, 32])
    page.select("Attention")
    colors = page.module(
        "attention_colors.js", "Array.from(m.colorsOf(a))", offsets.ravel().tolist()
    )
    assert is_near(np.reshape(colors, [4, 4, 3])[2, 2])
    page.select("Completed")
    assert is_near(completed[32, 32])
    page.page.keyboard.down("c")
    assert is_near(image[32, 32])
    page.page.keyboard.up("c")
    assert is_near(completed[32, 32])


def test_a_small_hole_in_a_large_photograph(page, session, tmp_path):
    rows, columns = np.mgrid[:1200, :1800]
    image = np.stack([rows // 5, columns // 8, (rows + columns) // 12], -1).astype(np.uint8)
    page.open_pixels(image, tmp_path)
    page.drag((240, 180), (260, 190))
    page.drag((1500, 1000), (1510, 1000))
    mask = page.saved_mask()
    page.complete()
    completed = page.saved()
    assert completed.shape == image.shape
    np.testing.assert_array_equal(completed[~mask], image[~mask])
    for corner in (mask[:600], mask[600:]):
        assert corner.any()
    assert (completed[mask] != image[mask]).any(axis=-1).mean() > 0.5


def test_large_holes_are_completed_at_a_lower_resolution_and_may_be_stopped(page, tmp_path):
    image = np.full([1200, 1200, 3], (90, 160, 60), np.uint8)
    page.open_pixels(image, tmp_path)
    page.select("Box")
    page.drag((300, 300), (900, 900))
    mask = page.saved_mask()
    page.page.click("#complete")
    page.page.keyboard.press("Escape")
    page.says("Stopped")
    np.testing.assert_array_equal(page.saved_mask(), mask)
    np.testing.assert_array_equal(page.saved(), image)
    page.complete()
    completed = page.saved()
    np.testing.assert_array_equal(completed[~mask], image[~mask])
    assert (completed[mask] != image[mask]).any(axis=-1).mean() > 0.5


def test_everything_by_keyboard(page, tmp_path):
    image = photo()
    page.open_pixels(image, tmp_path)
    keys = page.page.keyboard
    page.page.locator("#canvas").focus()
    keys.press("r")
    expect(page.page.get_by_role("radio", name="Box")).to_be_checked()
    keys.press("b")
    size = page.page.locator("#size-value")
    expect(size).to_have_text("8 px")
    keys.press("]")
    expect(size).to_have_text("10 px")
    keys.press("Enter")
    for _ in range(8):
        keys.press("ArrowRight")
    keys.press("Enter")
    mask = page.saved_mask()
    assert mask[45, 62] and not mask[20].any()
    page.page.locator("#canvas").focus()
    keys.press("Control+Enter")
    page.says("Done in")
    np.testing.assert_array_equal(page.saved()[~mask], image[~mask])
    keys.press("Control+z")
    np.testing.assert_array_equal(page.saved(), image)
    page.page.locator("#canvas").focus()
    keys.press("Delete")
    assert not page.saved_mask().any()
    keys.press("?")
    assert page.page.get_by_role("dialog").is_visible()
    keys.press("Escape")


def test_a_phone(browser, address, tmp_path):
    with opened(browser, address, **PHONE) as page:
        image = photo(160, 120)
        page.open_pixels(image, tmp_path)
        devtools = page.page.context.new_cdp_session(page.page)

        def touch(kind, *points):
            touched = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

        left, top = page.at(60, 60)
        # Two fingers zoom and paint nothing.
        touch("touchStart", (left - 20, top), (left + 20, top))
        for i in range(1, 6):
            touch("touchMove", (left - 20 - 8 * i, top), (left + 20 + 8 * i, top))
        touch("touchEnd")
        assert page.page.locator("#undo").is_disabled()
        # One finger paints, at three times the size: less of the photograph.
        touch("touchStart", (left, top))
        for i in range(1, 6):
            touch("touchMove", (left + 12 * i, top))
        touch("touchEnd")
        mask = page.saved_mask()
        columns = np.flatnonzero(mask.any(axis=0))
        scale = page.at(1, 0)[0] - page.at(0, 0)[0]
        assert columns[-1] - columns[0] < 60 / scale / 2 + 14
        # A click: on a busy machine a tap may become a long press.
        page.complete()
        np.testing.assert_array_equal(page.saved()[~mask], image[~mask])
        width, height = page.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert (width, height) == (390, 844)
        controls = labelled_controls(page)
        assert {"Open", "Brush", "Rub out", "Undo", "Clear", "Compare", "Attention"} <= {*controls}
        for name, (left, top, right, bottom) in controls.items():
            assert left >= 0 and right <= 390, name
            assert min(right - left, bottom - top) >= 44 - 1 / 8, name


@pytest.mark.parametrize("width, height", [(390, 844), (320, 256), (844, 390), (1280, 800)])
def test_no_control_is_cut_off_or_covers_another(page, tmp_path, width, height):
    """320 x 256 is a window of 1280 x 1024 at a zoom of 400 %."""
    page.page.set_viewport_size({"width": width, "height": height})
    controls = labelled_controls(page)
    assert len(controls) > 10
    for name, (left, _, right, _) in controls.items():
        assert left >= 0 and right <= width, name
    for (one, a), (other, b) in itertools.combinations(controls.items(), 2):
        is_apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert is_apart, (one, other)
    page.page.set_viewport_size(DESKTOP["viewport"])


def labelled_controls(page) -> dict[str, list[float]]:
    """Left, top, right and bottom of each button and choice by its text, none of which is cut."""
    controls = page.page.evaluate(
        """() => Object.fromEntries(
          [...document.querySelectorAll("button, fieldset label")]
            .filter((control) => control.checkVisibility() && control.innerText)
            .map((control) => {
              const { left, top, right, bottom } = control.getBoundingClientRect();
              const isCut = control.scrollWidth > control.clientWidth + 1;
              return [control.innerText, isCut ? null : [left, top, right, bottom]];
            }))"""
    )
    assert [name for name, box in controls.items() if box is None] == []
    return controls


def check_with_axe(page) -> None:
    """On a desktop and a phone, light and dark."""
    for screen, scheme in itertools.product((DESKTOP, PHONE), ("light", "dark")):
        page.page.set_viewport_size(screen["viewport"])
        page.page.emulate_media(color_scheme=scheme)
        report = Axe().run(page.page)
        assert report.violations_count == 0, (screen, scheme, report.generate_report())
    page.page.set_viewport_size(DESKTOP["viewport"])


def test_axe_finds_nothing_inaccessible(browser, address, tmp_path):
    with opened(browser, address) as page:
        check_with_axe(page)
        page.open_pixels(photo(), tmp_path)
        page.drag((40, 30), (70, 50))
        page.complete()
        check_with_axe(page)
        page.page.click("#show-help")
        check_with_axe(page)
