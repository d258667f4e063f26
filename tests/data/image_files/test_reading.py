"""Reading and writing image and mask files."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from deepfill_tf.data import read_mask, read_pixels, write_image
from deepfill_tf.errors import UserError
from tests.reference import reference_path

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, [12, 20, 3], np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_written_image_is_read_unchanged(tmp_path, suffix, channels):
    path, image = str(tmp_path / f"a{suffix}"), COLOURS[:, :, :channels]
    write_image(path, image)
    np.testing.assert_array_equal(read_pixels(path, channels), image)


def test_jpeg_is_read_as_opencv_reads_it(tmp_path):
    smooth = cv2.resize(COLOURS, (80, 64), interpolation=cv2.INTER_CUBIC)
    path = str(tmp_path / "a.jpg")
    write_image(path, smooth)
    theirs = cv2.imread(path)[..., ::-1].astype(int)
    assert np.abs(read_pixels(path) - theirs).max() <= 2


@pytest.mark.parametrize("name", ["g", "al"])
def test_grey_is_repeated_and_alpha_dropped_as_released(tmp_path, name):
    with np.load(reference_path("data_pipeline.npz")) as file:
        recorded = {
            key: file[f"read/{key}"]
            for key in ("g.png/gray", "g.png/bgr", "al.png/bgra", "al.png/bgr")
        }
    written = recorded["g.png/gray" if name == "g" else "al.png/bgra"]
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, written)
    np.testing.assert_array_equal(read_pixels(path)[..., ::-1], recorded[f"{name}.png/bgr"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_by_their_exif_orientation(tmp_path, orientation):
    path = str(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(path, exif=exif)
    # Where the stored first row and first column are to be shown, by the EXIF standard.
    flips = {1: "", 2: "h", 3: "hv", 4: "v", 5: "t", 6: "th", 7: "thv", 8: "tv"}[orientation]
    shown = COLOURS.transpose(1, 0, 2) if "t" in flips else COLOURS
    shown = shown[:, ::-1] if "h" in flips else shown
    shown = shown[::-1] if "v" in flips else shown
    np.testing.assert_array_equal(read_pixels(path), shown)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    path = str(tmp_path / f"a{suffix}")
    cv2.imwrite(path, COLOURS[:, :, 0].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_pixels(path), COLOURS[:, :, :1].repeat(3, axis=2))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    flat = np.full([16, 16, 3], [255, 0, 0], np.uint8)
    if mode in ("1", "LA"):
        flat[:] = 255
    path = str(tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png"))
    image = Image.fromarray(flat).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(0)
    image.save(path)
    assert np.abs(read_pixels(path).astype(int) - flat).max() <= 2


def test_a_transparent_palette_keeps_its_colours(tmp_path):
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1, 1, 0])
    path = str(tmp_path / "a.png")
    image.save(path, transparency=1)
    first, second = [10, 20, 30], [200, 100, 50]
    assert read_pixels(path).tolist() == [[first, second], [second, first]]


def test_any_bright_colour_of_a_mask_is_the_hole(tmp_path):
    path = str(tmp_path / "a.png")
    write_image(path, COLOURS)
    mask = read_mask(path).pixels
    assert mask.shape == (12, 20, 1)
    np.testing.assert_array_equal(mask[:, :, 0] == 255, (COLOURS > 127).any(axis=2))


def _damaged(kind):
    content = io.BytesIO()
    Image.fromarray(COLOURS.repeat(8, 0).repeat(8, 1)).save(content, kind)
    whole = content.getvalue()
    yield whole[: len(whole) // 2]
    yield whole[:20]
    yield b""
    yield b"this is no image"
    for _ in range(60):
        broken = bytearray(whole)
        for place in RANDOM.integers(0, min(len(whole), 400), 6):
            broken[place] = RANDOM.integers(256)
        yield bytes(broken)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_a_corrupt_file_is_named_whatever_its_error(tmp_path, kind):
    path = tmp_path / "damaged.png"
    refused = 0
    for content in _damaged(kind):
        path.write_bytes(content)
        try:
            read_pixels(str(path))
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused >= 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere.png"):
        read_pixels(str(tmp_path / "nowhere.png"))


@pytest.mark.parametrize("name", ["a.xyz", "a", "missing/a.png"])
def test_an_unwritable_path_is_named_and_nothing_is_left(tmp_path, name):
    with pytest.raises(UserError, match=name):
        write_image(str(tmp_path / name), COLOURS)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(str(path), COLOURS)

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(UserError, match="no space left"):
        write_image(str(path), 255 - COLOURS)
    np.testing.assert_array_equal(read_pixels(str(path)), COLOURS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_bad_channels_are_quoted(tmp_path):
    with pytest.raises(ValueError, match="2"):
        read_pixels(str(tmp_path / "a.png"), channels=2)
