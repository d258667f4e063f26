"""Known pixels bit for bit, from any file through reading, filling and writing."""

import os

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from deepfill_tf.data.image_files import read_image, write_completed
from tests.data.image_files.files import by_opencv, exif, png, saved

# Lossless formats that this depth, and this many channels, can be stored in.
FORMATS = {
    (8, 1): ["png", "tif", "bmp"],
    (8, 2): ["png", "tif"],
    (8, 3): ["png", "tif", "bmp", "webp"],
    (8, 4): ["png", "tif", "webp"],
    (16, 1): ["png", "tif"],
    (16, 2): ["png"],
    (16, 3): ["png", "tif"],
    (16, 4): ["png", "tif"],
}
# Lossless formats that hold all of them.
OUTPUTS = {8: ["png", "tif", "webp"], 16: ["png", "tif"]}
SIZES = [(16, 16), (17, 23), (31, 64), (16, 3000), (3000, 16), (133, 200)]


def stored(samples, kind, orientation) -> bytes:
    """A file of samples with an EXIF orientation, written without the package."""
    block = exif(Orientation=orientation)
    if samples.dtype == np.uint16 and kind == "tif":
        return by_opencv(".tif", samples)
    if samples.dtype == np.uint16:
        return png(samples, [(b"eXIf", block.tobytes()[6:])])
    squeezed = samples[:, :, 0] if samples.shape[2] == 1 else samples
    options = {} if kind == "bmp" else {"exif": block}
    options |= {"lossless": True, "exact": True} if kind == "webp" else {}
    return saved(squeezed, {"tif": "TIFF"}.get(kind, kind.upper()), **options)


def shown(samples, orientation):
    """What the EXIF standard says of the stored first row and first column."""
    flips = {1: "", 2: "h", 3: "hv", 4: "v", 5: "t", 6: "th", 7: "thv", 8: "tv"}[orientation]
    samples = samples.transpose(1, 0, 2) if "t" in flips else samples
    samples = samples[:, ::-1] if "h" in flips else samples
    return samples[::-1] if "v" in flips else samples


def by_another_program(path, channels):
    """Samples as OpenCV reads them.

    It gives grey and alpha as BGRA, and multiplies colours of 8-bit TIFF files by their alpha:
    these as Pillow reads them.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if channels == 2 or (channels == 4 and path.suffix == ".tif" and image.dtype == np.uint8):
        with Image.open(path) as file:
            return np.asarray(file.convert("LA" if channels == 2 else file.mode))
    image = image if image.ndim == 3 else image[:, :, None]
    return image[:, :, [2, 1, 0, 3][: image.shape[2]]] if image.shape[2] > 1 else image


@st.composite
def cases(draw):
    bits, channels = draw(st.sampled_from(list(FORMATS)))
    kind = draw(st.sampled_from(FORMATS[bits, channels]))
    turns = kind != "bmp" and (bits, kind) != (16, "tif")
    return (
        (bits, channels, kind, draw(st.integers(1, 8)) if turns else 1),
        # Few programs read TIFF files of grey and alpha with 16 bits.
        "png" if (bits, channels) == (16, 2) else draw(st.sampled_from(OUTPUTS[bits])),
        draw(st.sampled_from(SIZES)),
        draw(st.integers(0, 2**32 - 1)),
    )


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=cases())
@example(case=((8, 3, "png", 6), "png", (1333, 2000), 0))
@example(case=((16, 4, "png", 8), "png", (1333, 2000), 1))
@example(case=((16, 3, "tif", 1), "tif", (2000, 1333), 2))
def test_known_pixels_are_kept_bit_for_bit(tmp_path, case):
    (bits, channels, kind, orientation), output, (height, width), seed = case
    random = np.random.default_rng(seed)
    dtype, maximum = (np.uint8, 255) if bits == 8 else (np.uint16, 65535)
    samples = random.integers(0, maximum + 1, [height, width, channels], dtype)
    if channels in (2, 4):  # some of it transparent
        samples[:, : width // 3, -1] = 0
    path, written = tmp_path / f"a.{kind}", tmp_path / f"b.{output}"
    path.write_bytes(stored(samples, kind, orientation))

    image = read_image(path)
    expected = shown(samples, orientation)
    np.testing.assert_array_equal(image.samples, expected)
    assert not image.notes

    hole = random.random(image.size) < 0.3
    mask = hole[:, :, None] * np.uint8(255)
    # Floats keep all bits; grey images are completed as colours of no saturation.
    levels = random.integers(0, maximum + 1, [*image.size, 1 if channels <= 2 else 3])
    floats = (levels / (maximum / 2) - 1).astype(np.float32)
    floats = np.broadcast_to(floats + 0.1 / maximum, [*image.size, 3])
    assert write_completed(written, image, floats, mask) == ()

    actual = by_another_program(written, channels)
    if output == "webp" and channels <= 2:  # it holds RGB or RGBA only
        actual = actual[:, :, :1] if channels == 1 else actual
    alpha = channels in (2, 4)
    colours = actual.shape[2] - (1 if alpha else 0)
    known = ~hole
    if (bits, channels) == (16, 2):  # Pillow reads them with 8 bits
        actual = read_image(written).samples
        assert cv2.imread(str(written), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    np.testing.assert_array_equal(actual[known], expected[known])
    np.testing.assert_array_equal(actual[hole][:, :colours], levels[hole])
    if alpha:
        before, after = expected[hole][:, -1], actual[hole][:, -1]
        np.testing.assert_array_equal(after, np.where(before == 0, maximum, before))
    os.remove(written)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "avif"])
def test_lossy_files_are_turned_as_opencv_turns_them(tmp_path, orientation, suffix):
    smooth = cv2.resize(np.random.default_rng(0).integers(0, 256, [4, 5, 3], np.uint8), (50, 40))
    path = tmp_path / f"a.{suffix}"
    kind = {"jpg": "JPEG", "avif": "AVIF"}[suffix]
    path.write_bytes(saved(smooth, kind, exif=exif(Orientation=orientation), quality=95))
    image = read_image(path)
    expected = shown(smooth, orientation)
    assert np.abs(image.samples.astype(int) - expected).mean() < 4
    output = tmp_path / "b.png"
    write_completed(output, image, image.pixels, np.zeros([*image.size, 1], np.uint8))
    np.testing.assert_array_equal(by_another_program(output, 3), image.samples)


def test_eight_bits_of_a_completion_reach_a_deep_image(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(np.full([16, 16, 3], 1000, np.uint16)))
    image = read_image(path)
    mask = np.zeros([16, 16, 1], np.uint8)
    mask[4:8] = 255
    filled = image.filled(np.full([16, 16, 3], 200, np.uint8), mask)
    assert (filled[4:8] == 200 * 257).all() and (filled[8:] == 1000).all()


def test_grey_is_the_luminance_of_the_completed_colours(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(saved(np.zeros([16, 16], np.uint8), "PNG"))
    image = read_image(path)
    assert image.pixels.shape == (16, 16, 3)
    colours = np.random.default_rng(0).integers(0, 256, [16, 16, 3], np.uint8)
    filled = image.filled(colours, np.full([16, 16, 1], 255, np.uint8))
    theirs = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    assert np.abs(filled[:, :, 0].astype(int) - theirs).max() <= 1


def test_a_network_of_grey_images_gets_grey(tmp_path):
    path = tmp_path / "a.png"
    colours = np.random.default_rng(0).integers(0, 256, [16, 17, 3], np.uint8)
    path.write_bytes(saved(colours, "PNG"))
    image = read_image(path, channels=1)
    assert image.pixels.shape == (16, 17, 1) and "colours become grey" in image.notes[0]
    theirs = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    assert np.abs(image.pixels[:, :, 0].astype(int) - theirs).max() <= 1


def test_a_perfect_completion_leaves_no_trace(tmp_path):
    """No frame around the hole: what the network gets and gives is in the file's own values."""
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    for samples in (values, (values % 256).astype(np.uint8)):
        path = tmp_path / "a.png"
        path.write_bytes(png(samples.repeat(3, axis=2)))
        image = read_image(path)
        completed = image.floats if image.is_deep else image.pixels
        mask = np.full([256, 256, 1], 255, np.uint8)
        np.testing.assert_array_equal(image.filled(completed, mask), image.samples)
