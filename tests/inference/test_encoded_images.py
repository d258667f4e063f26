"""Files inside a SavedModel are decoded as the command decodes them."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deepfill_tf.data.image_files import read_mask, read_pixels
from deepfill_tf.inference.encoded_images import decode_image, decode_mask, exif_orientation
from tests.data.image_files.files import COLOURS, DEEP, exif, png, saved

GREY = COLOURS[:, :, 0]
SMOOTH = cv2.resize(COLOURS[:4, :5], (50, 37), interpolation=cv2.INTER_CUBIC)
IMAGES = {
    "grey.png": saved(GREY, "PNG"),
    "alpha.png": png(np.dstack([COLOURS, GREY])),
    "palette.png": saved(Image.fromarray(COLOURS).quantize(16), "PNG"),
    "colours.jpg": saved(SMOOTH, "JPEG", quality=90),
    "grey.jpg": saved(SMOOTH[:, :, 0], "JPEG"),
    "progressive.jpg": saved(SMOOTH, "JPEG", progressive=True, comment="before the EXIF data"),
}
MASKS = {
    "grey.png": saved(GREY, "PNG"),
    "colours.png": saved(COLOURS, "PNG"),
    "layer.png": png(np.dstack([COLOURS, np.where(GREY > 90, 255, GREY)])),
    "grey_alpha.png": png(COLOURS[:, :, :2]),
    "deep.png": png(DEEP[:, :, :1]),
    "one_bit.png": saved(Image.fromarray(GREY > 127), "PNG"),
    "two_bits.png": saved(Image.fromarray(GREY).quantize(4), "PNG", bits=2),
    "four_bits.png": saved(Image.fromarray(GREY).quantize(16), "PNG", bits=4),
    "mask.jpg": saved(np.where(SMOOTH > 127, 255, 0).astype(np.uint8)[:, :, 0], "JPEG"),
}
REFUSED = {
    "a BMP file": (saved(COLOURS, "BMP"), "must be a PNG or JPEG file"),
    "a GIF file": (saved(COLOURS, "GIF"), "must be a PNG or JPEG file"),
    "text": (b"this is no image", "must be a PNG or JPEG file"),
    "nothing": (b"", "must be a PNG or JPEG file"),
    "100 megapixels and more": (png(COLOURS, size=(100000, 1001)), "megapixels"),
    "half a PNG file": (IMAGES["grey.png"][:400], "PNG"),
    "half a JPEG file": (IMAGES["colours.jpg"][:600], "JPEG"),
}


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode_in_a_graph(file):
    return decode_image(file, 3)


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_those_of_the_command(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(IMAGES[name])
    np.testing.assert_array_equal(decode_in_a_graph(IMAGES[name]), read_pixels(path))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_images_are_turned_as_the_command_turns_them(tmp_path, kind, orientation, endian):
    block = exif(Make="a maker", Orientation=orientation, Software="a program")
    block.endian = endian
    content = saved(SMOOTH, kind, exif=block)
    path = tmp_path / "a"
    path.write_bytes(content)
    assert exif_orientation(tf.constant(content)) == orientation
    np.testing.assert_array_equal(decode_in_a_graph(content), read_pixels(path))


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_those_of_the_command(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(MASKS[name])
    ours = decode_mask(tf.constant(MASKS[name])).numpy()
    np.testing.assert_array_equal(ours > 127, read_mask(path).pixels > 127)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_command_refuses_is_refused(name):
    content, message = REFUSED[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode_in_a_graph(content)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_exif_data_do_not_matter(seed):
    random = np.random.default_rng(seed)
    content = bytearray(saved(COLOURS, "JPEG", exif=exif(Orientation=6, Make="a maker")))
    start = content.index(b"Exif\0\0") + 6
    for place in random.integers(start, start + 40, 4):
        content[place] = random.integers(256)
    assert 1 <= exif_orientation(tf.constant(bytes(content))) <= 8
    assert sorted(decode_in_a_graph(bytes(content)).shape) == [3, 24, 32]
