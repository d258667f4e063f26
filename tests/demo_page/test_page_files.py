"""Files that the page opens and refuses, and models that it refuses; no completion."""

import json
import shutil
import struct
import zlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageOps
from playwright.sync_api import expect

from deepfill_tf.ops import offsets_to_color
from tests.demo_page.conftest import opened, served
from tests.small_generators import random_images


def write_model(path, nodes, inputs=("mask",), height="H", channels=3):
    """An ONNX file with `image`, further inputs of one channel, and `completed`; all uint8."""
    counts = {"image": channels, **dict.fromkeys(inputs, 1), "completed": channels}
    *given, returned = (
        helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", height, "W", count])
        for name, count in counts.items()
    )
    graph = helper.make_graph(nodes, "test", given, [returned])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


# Returns its image.
COPY = [helper.make_node("Identity", ["image"], ["completed"])]
# Returns the sketch in the hole.
SHOW_SKETCH = [
    helper.make_node("Cast", ["mask"], ["hole"], to=TensorProto.BOOL),
    helper.make_node("Where", ["hole", "sketch", "image"], ["completed"]),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with served(folder / "page", write_model(folder / "copy.onnx", COPY)) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser, address):
    """One page for all tests: each opens a photograph of its own."""
    with opened(browser, address) as driver:
        yield driver


def is_refused(page) -> bool:
    return "refused" in (page.page.locator("#status").get_attribute("class") or "")


def png_header(width: int, height: int) -> bytes:
    """A PNG file that says its size and ends."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def encoded(kind: str, tmp_path, **options) -> bytes:
    Image.fromarray(random_images(40, 60, 3)).save(tmp_path / f"x.{kind}", **options)
    return (tmp_path / f"x.{kind}").read_bytes()


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "avif", "bmp"])
def test_formats(page, tmp_path, kind):
    (tmp_path / "photo").write_bytes(encoded(kind, tmp_path))
    page.open(tmp_path / "photo", says="60 × 40 pixels")
    with Image.open(tmp_path / "photo") as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    # Decoders of lossy formats differ in rounding.
    limit = 0 if kind in ("png", "bmp") else 12
    assert np.abs(page.saved() - expected).max() <= limit


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "avif", "bmp"])
@pytest.mark.parametrize("share", [0.2, 0.7, 0.98])
def test_truncated_files_are_refused(page, tmp_path, kind, share):
    content = encoded(kind, tmp_path)
    (tmp_path / "photo").write_bytes(content[: int(share * len(content))])
    page.open(tmp_path / "photo", says="cut off")
    assert is_refused(page)


SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"not an image", "not an image"),
        (SVG, "a drawing"),
        (png_header(20000, 20000), "20000 × 20000 pixels; at most 100 megapixels"),
        (png_header(2**31 - 1, 2**31 - 1), "at most 100 megapixels"),
        (png_header(15, 400), "at least 16 × 16"),
        (png_header(64, 64), "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(64), "HEIC"),
        (b"II*\0" + bytes(64), "TIFF"),
        (b"GIF89a" + bytes(64), "GIF"),
        (b"\xff\xd8\xff", "cut off"),
    ],
)
def test_hostile_files_are_refused_with_words(page, tmp_path, content, words):
    (tmp_path / "photo.png").write_bytes(content)
    page.open(tmp_path / "photo.png", says=words)
    assert is_refused(page)
    Image.fromarray(random_images(40, 60, 3)).save(tmp_path / "good.png")
    page.open(tmp_path / "good.png", says="60 × 40 pixels")
    assert not is_refused(page)


def test_photographs_are_turned_as_exif_says(page, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.repeat(random_images(5, 8, 3), 8, 0).repeat(8, 1))
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    page.open(tmp_path / "turned.jpg", says="40 × 64 pixels")
    with Image.open(tmp_path / "turned.jpg") as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    assert np.abs(page.saved() - expected).max() <= 12


def test_pixels_stay_exact_at_every_size(page, tmp_path):
    image = random_images(1023, 1537, 3)
    page.open_pixels(image, tmp_path)
    np.testing.assert_array_equal(page.saved(), image)


def test_a_photograph_is_pasted_and_dropped(page, tmp_path):
    content = list(encoded("png", tmp_path))
    for event, field in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.page.evaluate(
            """([event, field, content]) => {
              const carried = new DataTransfer();
              const file = new File([new Uint8Array(content)], 'x.png', { type: 'image/png' });
              carried.items.add(file);
              const kind = { paste: ClipboardEvent, drop: DragEvent }[event];
              document.body.dispatchEvent(new kind(event, { [field]: carried, bubbles: true }));
            }""",
            [event, field, content],
        )
        page.says("60 × 40 pixels")
        page.open_pixels(random_images(20, 30, 3), tmp_path)


def test_tools_paint_what_they_say(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Box")
    page.drag((20, 10), (60, 50))
    rows, columns = np.nonzero(page.saved_mask())
    assert (
        np.abs(np.array([*rows[[0, -1]], columns.min(), columns.max()]) - [10, 49, 20, 59]).max()
        <= 1
    )
    page.select("Lasso")
    page.drag((70, 60), (110, 60), (110, 90), (70, 60))
    triangle = page.saved_mask()[55:, 65:]
    assert abs(triangle.sum() - 40 * 30 / 2) < 60
    page.select("Eraser")
    page.drag((20, 30), (60, 30))
    assert not page.saved_mask()[30].any() and page.saved_mask()[12].any()


def test_only_tools_with_a_size_have_a_slider(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    for tool, has_size in {"Box": False, "Eraser": True, "Lasso": False, "Brush": True}.items():
        page.select(tool)
        expect(page.page.locator("#size")).to_be_enabled(enabled=has_size)


def test_a_stroke_that_changes_nothing_is_no_step(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Eraser")
    page.drag((20, 30), (60, 30))
    page.page.wait_for_timeout(100)
    assert page.page.locator("#undo").is_disabled()


def test_keys_put_the_tool_down_again_after_a_completion(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Brush")
    keys = page.page.keyboard
    page.page.locator("#canvas").focus()
    for key in ("Enter", "ArrowRight", "Control+Enter"):
        keys.press(key)
    page.says("Done in")
    for key in ("Shift+ArrowDown", "Enter", "ArrowDown", "Enter"):
        keys.press(key)
    page.says("Press Complete")
    assert page.saved_mask().any()


def test_a_mouse_that_begins_to_draw_keeps_what_the_keyboard_drew(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Brush")
    page.page.locator("#canvas").focus()
    for key in ("Enter", "ArrowRight"):
        page.page.keyboard.press(key)
    page.drag((10, 10), (20, 10))
    mask = page.saved_mask()
    assert mask[50, 60] and mask[10, 15]


def test_a_model_of_grey_images_fills_holes_with_grey(browser, tmp_path):
    model = write_model(tmp_path / "grey.onnx", COPY, channels=1)
    image = random_images(90, 120, 3)
    with served(tmp_path / "page", model) as address, opened(browser, address) as page:
        page.open_pixels(image, tmp_path)
        page.select("Box")
        page.drag((30, 20), (90, 70))
        page.complete()
        completed = page.saved()
    grey = np.asarray(Image.fromarray(image).convert("L").convert("RGB"))[25:65, 35:85]
    assert np.abs(completed[25:65, 35:85] - grey.astype(int)).max() <= 1
    np.testing.assert_array_equal(completed[:, :25], image[:, :25])


def test_a_result_that_is_not_saved_is_kept(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Box")
    page.drag((30, 30), (60, 60))
    page.complete()
    page.accepts = False
    page.questions.clear()
    page.page.set_input_files("#file", tmp_path / "photo.png")
    page.page.wait_for_timeout(100)
    assert len(page.questions) == 1 and "not saved" in page.questions[0]
    assert page.page.locator("#undo").is_enabled()
    page.saved()
    page.open_pixels(random_images(20, 30, 3), tmp_path)
    assert len(page.questions) == 1
    page.accepts = True


def test_a_completion_too_old_to_be_undone_still_counts(page):
    """So that the page asks before it is lost."""
    history = """(() => {
      const history = new m.History(40), counts = [];
      for (const completion of [{ views: {} }, null, null]) {
        history.push([{ before: { data: new Uint8Array(8) } }], completion);
        counts.push([history.done.length, !!history.lastCompletion]);
      }
      return counts;
    })()"""
    assert page.module("history.js", history) == [[1, True], [2, True], [2, True]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x_completed"),
        ("x_completed", "x_completed_2"),
        ("x_completed_2", "x_completed_3"),
        ("x_completed (1)", "x_completed_2"),
        ("x_completed_well", "x_completed_well_completed"),
    ],
)
def test_names_of_results(page, name, expected):
    assert page.module("files.js", "m.completedName(a)", name) == f"{expected}.png"


def test_properties_of_an_onnx_file(page, tmp_path):
    path = write_model(tmp_path / "copy.onnx", COPY)
    model = onnx.load(path)
    properties = {"offsets_stride": "16", "origin": "an Ölgemälde", "step": "", "long": "x" * 300}
    onnx.helper.set_model_props(model, properties)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(999, np.float32), "w"))
    expression = "m.propertiesOf(new Uint8Array(a))"
    content = list(model.SerializeToString())
    assert page.module("onnx_properties.js", expression, content) == properties
    assert page.module("onnx_properties.js", expression, list(b"no model")) == {}
    assert page.module("onnx_properties.js", expression, content[:700]) is not None


def test_a_saved_mask_is_imported(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Brush")
    page.drag((30, 30), (60, 60))
    mask = page.saved_mask()
    Image.fromarray(mask).save(tmp_path / "mask.png")
    page.page.click("#clear")
    assert not page.saved_mask().any()
    page.page.set_input_files("#mask-file", tmp_path / "mask.png")
    page.says("The mask is painted")
    np.testing.assert_array_equal(page.saved_mask(), mask)
    Image.fromarray(mask[:50]).save(tmp_path / "half.png")
    page.page.set_input_files("#mask-file", tmp_path / "half.png")
    page.says("The mask has 120 × 50 pixels, the photograph 120 × 100")
    Image.fromarray(np.zeros_like(mask)).save(tmp_path / "none.png")
    page.page.set_input_files("#mask-file", tmp_path / "none.png")
    page.says("no hole")
    np.testing.assert_array_equal(page.saved_mask(), mask)


def test_masks_that_cannot_be_completed_are_refused(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.page.click("#complete")
    page.says("Nothing is painted")
    assert is_refused(page)
    page.select("Box")
    page.drag((-5, -5), (125, 105))
    page.says("Press Complete")
    assert not is_refused(page)
    page.page.click("#complete")
    page.says("Nothing is left to complete from")


def test_the_wheel_changes_the_brush_and_with_control_the_zoom(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Brush")
    size = page.page.locator("#size-value")
    before = int(size.inner_text().split()[0])
    page.page.mouse.move(*page.at(60, 50))
    page.page.mouse.wheel(0, -100)
    page.page.wait_for_timeout(100)
    assert int(size.inner_text().split()[0]) > before
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -300)
    page.page.keyboard.up("Control")
    page.drag((60, 50), (70, 50))
    # The same way on the screen is a shorter one on the photograph.
    columns = np.flatnonzero(page.saved_mask().any(axis=0))
    assert columns[-1] - columns[0] < 10 / 3 + 14


def test_the_wheel_zooms_with_tools_that_have_no_size_and_zooming_out_fits(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Box")
    page.page.mouse.move(*page.at(20, 20))
    page.page.mouse.wheel(0, -300)
    page.page.wait_for_timeout(100)
    page.drag((20, 20), (50, 50))
    # About the pointer, 3.3 times as large.
    columns = np.flatnonzero(page.saved_mask().any(axis=0))
    assert abs(columns[0] - 20) <= 1 and abs(columns[-1] - 29) <= 1
    page.page.keyboard.press("Control+z")
    page.page.mouse.move(*page.at(20, 20))
    for _ in range(4):
        page.page.mouse.wheel(0, 300)
    page.page.wait_for_timeout(100)
    page.drag((20, 20), (50, 50))
    expected = np.zeros([100, 120], bool)
    expected[20:50, 20:50] = True
    assert (page.saved_mask() != expected).sum() <= 120  # the frame of a pixel


def test_nothing_painted_is_nothing_to_remove(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.page.keyboard.press("Delete")
    page.says("Nothing is painted")
    assert page.page.locator("#undo").is_disabled()


def test_nothing_is_left_of_the_painting_after_a_completion(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Brush")
    page.drag((20, 30), (70, 47), (40, 80))
    page.select("Eraser")
    # Slivers of the soft edge stay beside these strokes.
    page.drag((20, 33), (66, 48.5))
    page.drag((68, 47), (40, 78))
    page.drag((20, 28), (71, 44))
    page.select("Box")
    page.drag((90, 80), (110, 95))
    page.complete()
    page.page.click("#clear")
    page.says("Nothing is painted. Undo takes the completion back.")
    page.page.click("#undo")
    mask = page.saved_mask()
    assert mask[82:93, 92:108].all()
    expect(page.page.locator("#compare")).to_be_disabled()


def test_holes_with_overlapping_boxes_are_completed_whole(page):
    """An angle, and a hole that lies partly in its box."""
    complete = """(async () => {
        const { Layer } = await import("./layer.js");
        const [image, mask, sketch] = [0, 1, 2].map(() => new Layer(256, 256));
        for (const box of a) mask.context.fillRect(...box);
        const white = (size) => new Uint8Array(size).fill(255);
        const run = async ({ image: { data, dims } }) => (
            { completed: { data: white(data.length), dims } });
        await m.completeHoles({ image, mask, sketch }, run, 512, () => {});
        const white_pixels = image.read(image.box).data.filter((v, i) => i % 4 === 0 && v === 255);
        const left = mask.read(mask.box).data.filter((v, i) => i % 4 === 3 && v);
        return [white_pixels.length, left.length];
    })()"""
    boxes = [[0, 0, 32, 160], [0, 160, 160, 20], [100, 32, 100, 40]]
    area = sum(width * height for _, _, width, height in boxes)
    assert page.module("completion.js", f"await {complete}", boxes) == [area, 0]


def test_a_double_click_and_a_held_key_do_not_stop_a_completion(page, tmp_path):
    page.open_pixels(random_images(100, 120, 3), tmp_path)
    page.select("Box")
    page.drag((30, 30), (60, 60))
    page.page.dblclick("#complete")
    page.says("Done in")
    page.page.keyboard.press("Control+z")
    page.says("Undone")
    page.page.keyboard.down("Control")
    for _ in range(2):
        page.page.keyboard.down("Enter")
    page.page.keyboard.up("Enter")
    page.page.keyboard.up("Control")
    page.says("Done in")


def test_models_that_do_not_fit_are_refused(browser, tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    with served(tmp_path / "page", tmp_path / "text.onnx") as address:
        for model, words in (
            (tmp_path / "text.onnx", "The model cannot be loaded: "),
            (write_model(tmp_path / "fixed.onnx", COPY, height=256), "images of one size only"),
            (write_model(tmp_path / "two.onnx", COPY, channels=2), "images of 2 channels"),
            (write_model(tmp_path / "other.onnx", COPY, inputs=["hole"]), "does not take"),
        ):
            shutil.copy(model, tmp_path / "page" / "model.onnx")
            with opened(browser, address) as page:
                page.says(words)
                assert is_refused(page)


# As protections against fingerprinting do.
ALTER_PIXELS = """
const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...where) {
  const pixels = read.apply(this, where);
  pixels.data[0] ^= 1;
  return pixels;
};
"""


def test_nothing_is_completed_where_the_browser_alters_pixels(browser, address, tmp_path):
    with opened(browser, address) as page:
        page.page.add_init_script(ALTER_PIXELS)
        page.page.reload()
        page.says("This browser alters the pixels")
        page.open_pixels(random_images(64, 64, 3), tmp_path)
        page.drag((20, 20), (40, 40))
        page.page.click("#complete")
        page.says("This browser alters the pixels")


def test_a_sketch_inside_the_hole_reaches_the_model(browser, tmp_path):
    model = write_model(tmp_path / "sketch.onnx", SHOW_SKETCH, inputs=["mask", "sketch"])
    with served(tmp_path / "page", model) as address, opened(browser, address) as page:
        image = random_images(90, 120, 3)
        page.open_pixels(image, tmp_path)
        page.select("Box")
        page.drag((30, 20), (90, 70))
        page.select("Sketch")
        page.drag((10, 45), (85, 45))
        page.drag((50, 65), (80, 65))
        page.select("Rub out")
        for _ in range(6):
            page.page.keyboard.press("]")
        page.drag((50, 65), (80, 65))
        page.complete()
        completed = page.saved()
        line = completed[44:46, 30:84]
        assert (line == 255).all()
        assert (completed[20:42, 30:90] == 0).all() and (completed[50:70, 30:90] == 0).all()
        np.testing.assert_array_equal(completed[:, :29], image[:, :29])


def test_without_a_sketch_input_there_are_no_tools_for_sketches(page):
    page.page.get_by_text("Model ready").wait_for()
    assert not page.page.get_by_text("Rub out").is_visible()


def test_the_page_is_isolated_and_lets_nothing_out(page, address):
    assert page.page.evaluate("crossOriginIsolated")
    port = int(address.rstrip("/").split(":")[-1])
    foreign = json.dumps(f"http://127.0.0.1:{port - 1}/")
    # Errors in the console are what is wanted here.
    page.page.evaluate(f"fetch({foreign}).catch(() => null)")
    page.page.evaluate(f"Object.assign(new Image(), {{ src: {foreign} }}) && null")
    page.page.wait_for_timeout(100)
    assert len(page.errors) >= 2
    assert all("Content Security Policy" in error for error in page.errors)
    page.errors.clear()
    page.origins.discard(f"http://127.0.0.1:{port - 1}")


def test_offsets_have_the_colours_of_the_package(page):
    offsets = np.random.default_rng(0).integers(-9, 10, [1, 12, 16, 2])
    colors = page.module(
        "attention_colors.js", "Array.from(m.colorsOf(a))", offsets.ravel().tolist()
    )
    expected = np.round((offsets_to_color(offsets).numpy()[0] + 1) * 127.5)
    assert np.abs(np.reshape(colors, expected.shape) - expected).max() <= 1


def test_holes_and_crops(page):
    """Two holes far apart have crops of their own, one of them reduced; near ones share one."""
    boxes = [{"x": 100, "y": 80, "width": 30, "height": 20}]
    boxes += [{"x": 3000, "y": 2000, "width": 800, "height": 500}]
    boxes += [{"x": 160, "y": 90, "width": 10, "height": 10}]
    plan = "m.planCrops(a, { width: 4000, height: 3000 }, 512)"
    small, large = page.module("crops.js", plan, boxes)
    assert small["holes"] == [boxes[0], boxes[2]] and large["holes"] == [boxes[1]]
    assert small["size"] == {"width": 256, "height": 256}
    assert (large["width"], large["height"]) == (800 + 2 * 256, 500 + 2 * 256)
    assert large["size"]["width"] == 512
    for crop in (small, large):
        for hole in crop["holes"]:
            assert crop["x"] <= hole["x"] and crop["y"] <= hole["y"]
            assert hole["x"] + hole["width"] <= crop["x"] + crop["width"] <= 4000
