"""Hostile, damaged and odd files: each is read as expected, or refused in one line."""

import os
import re
import resource
import socket
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from deepfill_tf.data.image_files import read_image, read_mask, read_pixels, write_completed
from deepfill_tf.data.image_files.image_file import luminance
from deepfill_tf.data.image_files.opening import opened
from deepfill_tf.errors import UserError
from tests.data.image_files.files import (
    COLOURS,
    DEEP,
    by_opencv,
    chunk,
    exif,
    frames,
    png,
    saved,
)

GREY = COLOURS[:, :, 0]
FLOATS = np.linspace(0, 1, 24 * 32, dtype=np.float32).reshape(24, 32)
WHOLE = {
    "png": saved(COLOURS, "PNG"),
    "jpg": saved(COLOURS, "JPEG"),
    "webp": saved(COLOURS, "WEBP"),
    "tif": saved(COLOURS, "TIFF"),
    "bmp": saved(COLOURS, "BMP"),
    "gif": saved(COLOURS, "GIF"),
    "avif": saved(COLOURS, "AVIF"),
    "jp2": saved(COLOURS, "JPEG2000"),
    "ppm": saved(COLOURS, "PPM"),
}
SOF = WHOLE["jpg"].index(b"\xff\xc0")


def patched(content, place, new) -> bytes:
    return content[:place] + new + content[place + len(new) :]


def tiff(tag, value) -> bytes:
    """WHOLE["tif"] with another value of a tag, or another next directory (tag 0)."""
    content = WHOLE["tif"]
    directory = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, directory)[0]
    if tag == 0:
        return patched(content, directory + 2 + 12 * count, struct.pack("<I", value))
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, place)[0] == tag:
            return patched(content, place + 2, struct.pack("<HII", 4, 1, value))
    raise AssertionError(tag)


def rotated() -> Image.Exif:
    """A new block each time: Pillow takes the orientation out of those that AVIF files get."""
    return exif(Orientation=6, Make="a maker")


# File name -> content.
REFUSED = {
    "empty.png": b"",
    "zeros.png": bytes(1000),
    "noise.jpg": np.random.default_rng(1).bytes(1000),
    "text.png": b"this is no image",
    "bom.png": "\ufeffthis is no image".encode(),
    "page.jpg": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "drawing.svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>',
    "document.png": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "archive.png": b"PK\x03\x04" + bytes(60),
    "compressed.png": b"\x1f\x8b\x08" + bytes(60),
    "program.png": b"\x7fELF\x02\x01\x01" + bytes(60),
    "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 24\n(x) show\n",
    "photoshop.png": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 24, 32, 8, 3) + bytes(20),
    "icon.png": saved(COLOURS, "ICO"),
    "weights.png": struct.pack("<Q", 2) + b"{}",
    # Truncated.
    **{f"half.{suffix}": content[: len(content) // 2] for suffix, content in WHOLE.items()},
    **{f"start.{suffix}": content[:20] for suffix, content in WHOLE.items()},
    "signature.png": WHOLE["png"][:8],
    "deep_half.png": png(DEEP)[:2000],
    "deep_half.tif": by_opencv(".tif", DEEP)[:2000],
    # Larger than the limit, by their headers.
    "square.png": png(COLOURS, size=(100000, 100000)),
    "flat.png": png(COLOURS, size=(2**31 - 1, 1)),
    "just_over.png": png(COLOURS, size=(20000, 5001)),
    "square.jpg": patched(WHOLE["jpg"], SOF + 5, struct.pack(">HH", 65500, 65500)),
    "square.gif": patched(WHOLE["gif"], 6, struct.pack("<HH", 65535, 65535)),
    "square.bmp": patched(WHOLE["bmp"], 18, struct.pack("<ii", 200000, 200000)),
    "square.ppm": b"P6 99999 99999 255\n",
    "wide.tif": tiff(256, 500_000_000),
    "high.tif": tiff(257, 500_000_000),
    # Without pixels.
    "no_width.png": png(COLOURS, size=(0, 24)),
    "no_height.png": png(COLOURS, size=(32, 0)),
    "no_width.bmp": patched(WHOLE["bmp"], 18, struct.pack("<i", 0)),
    "negative.bmp": patched(WHOLE["bmp"], 18, struct.pack("<i", -32)),
    "no_width.tif": tiff(256, 0),
    "no_width.ppm": b"P6 0 24 255\n",
    # Damaged.
    "checksum.png": patched(WHOLE["png"], 29, b"\0\0\0\0"),
    "samples.png": patched(png(COLOURS), 43, b"\x07"),  # no such kind of block
    "no_samples.png": WHOLE["png"][:33] + chunk(b"IEND", b""),
    "text_bomb.png": png(COLOURS, [(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27), 9))]),
    "no_frame.jpg": WHOLE["jpg"][:SOF] + WHOLE["jpg"][SOF + 19 :],
    "no_colours.jpg": patched(WHOLE["jpg"], SOF + 9, b"\0"),
    "strip.tif": tiff(273, 4_000_000_000),
    "compression.tif": tiff(259, 12345),
    "bits.tif": tiff(258, 77),
    "offset.bmp": patched(WHOLE["bmp"], 10, struct.pack("<I", 2**31 - 1)),
    "depth.bmp": patched(WHOLE["bmp"], 28, struct.pack("<H", 77)),
    "size.webp": patched(WHOLE["webp"], 4, struct.pack("<I", 20)),
    "damaged.heic": struct.pack(">I", 24) + b"ftypheic" + bytes(40),
    # Values without a known range.
    "floats.tif": saved(FLOATS * 255, "TIFF"),
    "negative.tif": saved(FLOATS - 0.5, "TIFF"),
    "nan.tif": saved(np.where(FLOATS > 0.5, np.nan, FLOATS).astype(np.float32), "TIFF"),
    "integers.tif": saved((FLOATS * 1e6).astype(np.int32), "TIFF"),
    "signed.tif": saved((FLOATS * 100 - 50).astype(np.int32), "TIFF"),
    "float_colours.tif": by_opencv(".tif", np.dstack([FLOATS] * 3)),
}

# Shape and type of samples.
L, LA, RGB, RGBA = (((24, 32, channels), "uint8") for channels in (1, 2, 3, 4))
DEEP_L, DEEP_LA, DEEP_RGB, DEEP_RGBA = (((24, 32, channels), "uint16") for channels in (1, 2, 3, 4))
TURNED = ((32, 24, 3), "uint8")
CMYK = Image.fromarray(COLOURS).convert("CMYK")
ONE_BIT = Image.fromarray(GREY).convert("1")
LAB = Image.new("LAB", (32, 24), (128, 150, 90))
PALETTE = Image.fromarray(COLOURS).quantize(16)
TRANSPARENT_BLACK = np.where(COLOURS > 200, 0, COLOURS)

# File name -> content, shape and type of the samples, and what a note says.
READ = {
    "grey.png": (saved(GREY, "PNG"), *L, ""),
    "grey_alpha.png": (png(COLOURS[:, :, :2]), *LA, ""),
    "colours_alpha.png": (png(np.dstack([COLOURS, GREY])), *RGBA, ""),
    "deep_grey.png": (png(DEEP[:, :, :1]), *DEEP_L, ""),
    "deep_grey_alpha.png": (png(DEEP[:, :, :2]), *DEEP_LA, ""),
    "deep.png": (png(DEEP), *DEEP_RGB, ""),
    "deep_alpha.png": (png(np.dstack([DEEP, DEEP[:, :, 0]])), *DEEP_RGBA, ""),
    "deep.tif": (by_opencv(".tif", DEEP), *DEEP_RGB, ""),
    "deep_grey.tif": (saved(DEEP[:, :, 0], "TIFF"), *DEEP_L, ""),
    "deep_grey.pgm": (saved(DEEP[:, :, 0], "PPM"), *DEEP_L, ""),
    "colour_key.png": (
        png(TRANSPARENT_BLACK, [(b"tRNS", bytes(6))]),
        *RGBA,
        "",
    ),
    "grey_key.png": (
        png(TRANSPARENT_BLACK[:, :, :1], [(b"tRNS", bytes(2))]),
        *LA,
        "",
    ),
    "deep_key.png": (png(DEEP, [(b"tRNS", DEEP[0, 0].astype(">u2").tobytes())]), *DEEP_RGBA, ""),
    "one_bit.png": (saved(ONE_BIT, "PNG"), *L, "one bit"),
    "fax.tif": (
        saved(ONE_BIT, "TIFF", compression="group4"),
        *L,
        "one bit",
    ),
    "palette.png": (saved(PALETTE, "PNG"), *RGB, "palette colours become RGB$"),
    "palette_key.png": (
        saved(PALETTE, "PNG", transparency=3),
        *RGBA,
        "palette colours become RGB with alpha",
    ),
    "palette.tif": (saved(PALETTE, "TIFF"), *RGB, "palette"),
    "palette.bmp": (saved(PALETTE, "BMP"), *RGB, "palette"),
    "colours.bmp": (WHOLE["bmp"], *RGB, ""),
    "cmyk.jpg": (saved(CMYK, "JPEG"), *RGB, "CMYK"),
    "cmyk.tif": (saved(CMYK, "TIFF"), *RGB, "CMYK"),
    "lab.tif": (saved(LAB, "TIFF"), *RGB, "LAB"),
    "premultiplied.tif": (
        saved(Image.fromarray(np.dstack([COLOURS, GREY])), "TIFF"),
        *RGBA,
        "",
    ),
    "floats.tif": (saved(FLOATS, "TIFF"), *DEEP_L, "floating-point"),
    "integers.tif": (saved((FLOATS * 60000).astype(np.int32), "TIFF"), *DEEP_L, ""),
    "big.tif": (saved(COLOURS, "TIFF", big_tiff=True), *RGB, ""),
    "lzw.tif": (saved(COLOURS, "TIFF", compression="tiff_lzw"), *RGB, ""),
    "jpeg.tif": (saved(COLOURS, "TIFF", compression="jpeg"), *RGB, ""),
    "progressive.jpg": (saved(COLOURS, "JPEG", progressive=True), *RGB, ""),
    "grey.jpg": (saved(GREY, "JPEG"), *L, ""),
    "lossless.webp": (saved(np.dstack([COLOURS, GREY]), "WEBP", lossless=True), *RGBA, ""),
    "colours.avif": (WHOLE["avif"], *RGB, ""),
    "colours.jp2": (WHOLE["jp2"], *RGB, ""),
    "colours.ppm": (WHOLE["ppm"], *RGB, ""),
    # Several frames or pages.
    "moving.gif": (frames("GIF"), *RGB, "only the first frame"),
    "moving.png": (frames("PNG"), *RGB, "only the first frame"),
    "moving.webp": (frames("WEBP"), *RGB, "only the first frame"),
    "pages.tif": (frames("TIFF"), *RGB, "only the first frame or page"),
    "endless.tif": (tiff(0, 8), *RGB, ""),
    "gain_map.jpg": (frames("MPO"), *RGB, "gain map"),
    # Turned.
    "turned.jpg": (saved(COLOURS, "JPEG", exif=rotated()), *TURNED, ""),
    "turned.png": (saved(COLOURS, "PNG", exif=rotated()), *TURNED, ""),
    "turned.tif": (saved(COLOURS, "TIFF", exif=rotated()), *TURNED, ""),
    "turned.webp": (saved(COLOURS, "WEBP", exif=rotated()), *TURNED, ""),
    "turned.avif": (saved(COLOURS, "AVIF", exif=rotated()), *TURNED, ""),
    "deep_turned.png": (
        png(DEEP, [(b"eXIf", rotated().tobytes()[6:])]),
        (32, 24, 3),
        "uint16",
        "",
    ),
    "orientation_9.jpg": (saved(COLOURS, "JPEG", exif=exif(Orientation=9)), *RGB, ""),
    # Under another name.
    "jpeg.png": (WHOLE["jpg"], *RGB, "the file is JPEG, not PNG"),
    "png.jpg": (WHOLE["png"], *RGB, "the file is PNG, not JPEG"),
    "no_suffix": (WHOLE["png"], *RGB, ""),
    "UPPER.PNG": (WHOLE["png"], *RGB, ""),
    "a space, ü 日本.png": (WHOLE["png"], *RGB, ""),
    "line\nfeed.png": (WHOLE["png"], *RGB, ""),
    os.fsdecode(b"not_utf_8_\xff\xfe.png"): (WHOLE["png"], *RGB, ""),
    # With something behind or inside.
    "and_zip.png": (WHOLE["png"] + b"PK\x03\x04" + bytes(60), *RGB, ""),
    "and_script.jpg": (
        saved(COLOURS, "JPEG", comment=b"<?php system($_GET[0]); ?>"),
        *RGB,
        "",
    ),
    "and_jpeg.png": (WHOLE["png"] + WHOLE["jpg"], *RGB, ""),
    # Damaged where it does not matter.
    "long_chunk.png": (
        patched(WHOLE["png"], 33, b"\x7f\xff\xff\xff"),
        *RGB,
        "",
    ),
    "bad_exif.jpg": (
        saved(COLOURS, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"),
        *RGB,
        "EXIF data cannot",
    ),
    "bad_exif.png": (png(COLOURS, [(b"eXIf", b"no EXIF data")]), *RGB, "EXIF data cannot"),
    "bad_profile.jpg": (saved(COLOURS, "JPEG", icc_profile=b"no profile"), *RGB, ""),
    "bad_cmyk_profile.jpg": (
        saved(CMYK, "JPEG", icc_profile=b"no profile"),
        *RGB,
        "ICC profile cannot be used",
    ),
    "bad_resolution.png": (png(COLOURS, [(b"pHYs", bytes(8) + b"\1")]), *RGB, ""),
    # Sizes.
    "single.png": (png(COLOURS[:1, :1]), (1, 1, 3), "uint8", ""),
    "narrow.png": (png(np.zeros([3000, 16, 3], np.uint8)), (3000, 16, 3), "uint8", ""),
}


@pytest.fixture(scope="module", autouse=True)
def bounded_memory():
    """No file makes the process grow by a gigabyte."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1e6  # kilobytes


def check_refused(path, expected=""):
    for read in (read_image, read_mask, read_pixels):
        with pytest.raises(UserError) as error:
            read(path)
        message = str(error.value)
        assert os.path.basename(path) in message and re.search(expected, message)
        assert "<" not in message.replace(path, "") and "\n" not in message


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(REFUSED[name])
    too_large = name.startswith(("square", "just_over", "wide", "high", "flat"))
    # Masks may hold any numbers.
    if name.startswith(("floats", "negative.t", "nan", "integers", "signed")):
        with pytest.raises(UserError, match="no known range"):
            read_image(path)
        return
    check_refused(str(path), "megapixels" if too_large else "")


@pytest.mark.parametrize("name", READ)
def test_it_is_read_and_completed(tmp_path, name):
    content, shape, kind, note = READ[name]
    path = os.path.join(tmp_path, name)
    with open(path, "wb") as file:
        file.write(content)
    image = read_image(path)
    assert (image.samples.shape, image.samples.dtype) == (shape, kind)
    assert bool(image.notes) == bool(note), image.notes
    assert re.search(note, "\n".join(image.notes), re.MULTILINE)
    mask = np.zeros([*image.size, 1], np.uint8)
    mask[: shape[0] // 2 + 1, : shape[1] // 2] = 255
    completed = 255 - image.pixels
    output = tmp_path / "output.png"
    write_completed(output, image, completed, mask)
    written = read_image(output)
    np.testing.assert_array_equal(written.samples, image.filled(completed, mask))
    known = mask[:, :, 0] == 0
    np.testing.assert_array_equal(written.samples[known], image.samples[known])


def test_there_are_enough_of_them():
    assert len(REFUSED) + len(READ) >= 120


def test_the_first_of_several_is_read(tmp_path):
    for suffix, kind in ((".png", "PNG"), (".tif", "TIFF")):
        path = tmp_path / f"several{suffix}"
        path.write_bytes(frames(kind))
        np.testing.assert_array_equal(read_image(path).samples, COLOURS)


def test_a_folder_a_pipe_a_device_and_a_socket_are_refused_without_waiting(tmp_path):
    folder, pipe, link = tmp_path / "folder.png", tmp_path / "pipe.png", tmp_path / "device.png"
    folder.mkdir()
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    check_refused(str(folder), "it is a folder")
    check_refused(str(pipe), "it is not a regular file")
    check_refused(str(link), "it is not a regular file")
    with socket.socket(socket.AF_UNIX) as server:
        place = tmp_path / "socket.png"
        server.bind(os.path.relpath(place))  # a path of at most 107 bytes
        check_refused(str(place), "it is not a regular file")


def test_paths_that_lead_nowhere_are_refused(tmp_path):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    one.symlink_to(other)
    other.symlink_to(one)
    check_refused(str(one), "symbolic links")
    missing = tmp_path / "missing.png"
    check_refused(str(missing), "there is no image")
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(missing)
    check_refused(str(dangling), "there is no image")
    below = tmp_path / "file"
    below.write_bytes(WHOLE["png"])
    check_refused(str(below / "a.png"), "not a directory")
    check_refused(str(tmp_path / ("a" * 300 + ".png")), "name too long")


def test_only_errors_of_decoders_are_those_of_the_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(WHOLE["png"])
    with pytest.raises(UserError, match="a.png: it is damaged"), opened(path) as (image, _):
        image.getchannel(None)  # of Pillow
    with pytest.raises(AttributeError), opened(path):
        luminance(None)  # of this package
    with pytest.raises(UserError, match="a.png: it does not fit into memory"), opened(path):
        bytearray(2**60)


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "long.webp"
    path.write_bytes(WHOLE["webp"])
    os.truncate(path, 2**33)  # without blocks on the disk
    check_refused(str(path), "megapixels")


def test_the_limit_can_be_raised_and_lowered(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(WHOLE["png"])
    with pytest.raises(UserError, match="32 x 24 pixels"):
        read_image(path, max_megapixels=0.0005)
    large = tmp_path / "large.png"
    Image.new("L", (20000, 10000)).save(large, compress_level=1)  # above Pillow's own limit
    with pytest.raises(UserError, match="200 megapixels"):
        read_image(large)
    limit = Image.MAX_IMAGE_PIXELS
    assert read_image(large, max_megapixels=250).size == (10000, 20000)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_profile_that_is_too_long_for_pillow_is_one_line(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(saved(COLOURS, "PNG", icc_profile=bytes(PngImagePlugin.MAX_TEXT_CHUNK + 1)))
    check_refused(str(path))
