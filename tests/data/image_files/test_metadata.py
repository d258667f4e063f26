"""What a file carries, read back by OpenCV or from its bytes."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from deepfill_tf.data.image_files import read_image, write_completed
from tests.data.image_files.files import COLOURS, DEEP, exif, frames, png, saved

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" tiff:Make="a maker"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "avif": "AVIF"}


def photograph(kind) -> bytes:
    """A photograph on its side, as a phone writes it, of 300 x 150 dpi as it is stored."""
    block = exif(Orientation=6, Make="a maker", DateTime="2024:01:02 03:04:05")
    block[ExifTags.Base.XResolution], block[ExifTags.Base.YResolution] = 300.0, 150.0
    details = block.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2024:01:02 03:04:05"
    details[ExifTags.Base.MakerNote] = b"of the maker" * 10
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = 32, 24
    block.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 51.0, 29.5)
    options = {"icc_profile": SRGB, "exif": block}
    if kind != "TIFF":
        options["xmp"] = XMP
    if kind in ("PNG", "JPEG", "TIFF"):
        options["dpi"] = (300, 150)
    if kind == "JPEG":
        options["comment"] = "a comment"
    if kind == "PNG":
        options["pnginfo"] = texts = PngImagePlugin.PngInfo()
        texts.add_text("Title", "a title")
        texts.add_itxt("Comment", "日本")
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return saved(COLOURS, kind, **options)


def completed(folder, content, suffix, output) -> tuple:
    """Returns the image file, the written path, and the notes."""
    path, written = folder / f"a.{suffix}", folder / f"b.{output}"
    path.write_bytes(content)
    image = read_image(path)
    mask = np.zeros([*image.size, 1], np.uint8)
    mask[4:9, 4:9] = 255
    return image, written, write_completed(written, image, image.pixels, mask)


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_profile_exif_and_xmp_survive(tmp_path, suffix, output):
    _, written, notes = completed(tmp_path, photograph(FORMATS[suffix]), suffix, output)
    assert notes == ()
    with Image.open(written) as file:
        assert file.size == (24, 32)
        assert file.info["icc_profile"] == SRGB
        block = file.getexif()
        assert block[ExifTags.Base.Make] == "a maker"
        assert block.get(ExifTags.Base.Orientation, 1) == 1
        assert (
            block[ExifTags.Base.XResolution],
            block[ExifTags.Base.YResolution],
        ) == pytest.approx((150, 300), abs=0.02)
        if suffix != "tif":
            details = block.get_ifd(ExifTags.IFD.Exif)
            assert details[ExifTags.Base.DateTimeOriginal] == "2024:01:02 03:04:05"
            assert details[ExifTags.Base.MakerNote] == b"of the maker" * 10
            assert details[ExifTags.Base.ExifImageWidth] == 24
            latitude = block.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude]
            assert latitude == (48.0, 51.0, 29.5)
            packet = file.info["xmp"]
            packet = packet if isinstance(packet, bytes) else packet.encode()
            assert b'tiff:Orientation="1"' in packet and b'tiff:Make="a maker"' in packet
        if output in ("png", "jpg", "tif"):
            assert tuple(map(float, file.info["dpi"])) == pytest.approx((150, 300), abs=0.02)


@pytest.mark.parametrize("output", ["png", "jpg", "webp", "tif"])
def test_opencv_finds_the_profile_and_does_not_turn_the_image(tmp_path, output):
    image, written, _ = completed(tmp_path, photograph("PNG"), "png", output)
    theirs = cv2.imread(str(written))  # turned as EXIF says
    assert theirs.shape == (32, 24, 3)
    if output != "jpg":
        np.testing.assert_array_equal(theirs[..., ::-1], image.samples)
    content = written.read_bytes()
    if output == "png":
        start = content.index(b"iCCP") + len(b"iCCPICC Profile\0\0")
        assert zlib.decompressobj().decompress(content[start:]) == SRGB
    else:
        assert SRGB in content


def test_text_stays_text_or_becomes_exif(tmp_path):
    image, written, _ = completed(tmp_path, photograph("PNG"), "png", "png")
    assert image.metadata.text == {"Title": "a title", "Comment": "日本"}
    assert read_image(written).metadata.text == image.metadata.text
    _, written, _ = completed(tmp_path, photograph("PNG"), "png", "jpg")
    with Image.open(written) as file:
        assert file.info["comment"].decode() == "日本"
        assert file.getexif()[ExifTags.Base.DocumentName] == "a title"
    _, written, _ = completed(tmp_path, photograph("PNG"), "png", "webp")
    with Image.open(written) as file:
        details = file.getexif().get_ifd(ExifTags.IFD.Exif)
        comment = details[ExifTags.Base.UserComment]
        order = "utf-16-le" if file.getexif().endian == "<" else "utf-16-be"
        assert comment == b"UNICODE\0" + "日本".encode(order)
    _, written, _ = completed(tmp_path, photograph("JPEG"), "jpg", "png")
    assert read_image(written).metadata.text == {"Comment": "a comment"}


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_files_keep_their_tables_and_subsampling(tmp_path, subsampling):
    content = saved(COLOURS, "JPEG", quality=71, subsampling=subsampling, progressive=True)
    _, written, _ = completed(tmp_path, content, "jpg", "jpg")
    with Image.open(io.BytesIO(content)) as before, Image.open(written) as after:
        assert after.quantization == before.quantization
        assert after.layer == before.layer and after.info["progressive"]


def test_a_given_quality_and_the_default_of_other_files(tmp_path):
    image, _, _ = completed(tmp_path, saved(COLOURS, "JPEG", quality=71), "jpg", "jpg")
    mask = np.zeros([*image.size, 1], np.uint8)
    write_completed(tmp_path / "c.jpg", image, image.pixels, mask, quality=30)
    with Image.open(tmp_path / "c.jpg") as file, Image.open(tmp_path / "b.jpg") as own:
        wanted = Image.open(io.BytesIO(saved(COLOURS, "JPEG", quality=30)))
        assert file.quantization == wanted.quantization != own.quantization
    _, written, _ = completed(tmp_path, saved(COLOURS, "PNG"), "png", "jpg")
    with Image.open(written) as file:
        wanted = Image.open(io.BytesIO(saved(COLOURS, "JPEG", quality=95)))
        assert file.quantization == wanted.quantization


def test_a_thumbnail_of_what_was_removed_does_not_survive(tmp_path):
    thumbnail = saved(COLOURS, "JPEG")
    # A directory with the orientation, and a second one with the thumbnail's place and length.
    first = struct.pack("<HHHIII", 1, 0x0112, 3, 1, 1, 26)
    place = 26 + 2 + 24 + 4
    second = struct.pack("<HHHIIHHIII", 2, 513, 4, 1, place, 514, 4, 1, len(thumbnail), 0)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + thumbnail
    content = saved(COLOURS, "JPEG", exif=block)
    with Image.open(io.BytesIO(content)) as file:
        assert file.getexif().get_ifd(ExifTags.IFD.IFD1)[514] == len(thumbnail)
    _, written, _ = completed(tmp_path, content, "jpg", "jpg")
    assert written.read_bytes().count(b"\xff\xd8\xff") == 1


def test_what_a_format_cannot_hold_is_noted(tmp_path):
    content = png(np.dstack([DEEP, DEEP[:, :, 0]]), [(b"eXIf", exif(Make="a maker").tobytes()[6:])])
    for output, expected in (
        ("jpg", ["no alpha", "8 bits a channel"]),
        ("bmp", ["no alpha", "8 bits a channel", "no EXIF"]),
        ("webp", ["8 bits a channel"]),
    ):
        _, written, notes = completed(tmp_path, content, "png", output)
        assert len(notes) == len(expected)
        for note, words in zip(notes, expected, strict=True):
            assert words in note and str(written) in note
    block = exif(Make="a maker")
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = bytes(70000)
    content = saved(COLOURS, "PNG", exif=block)
    _, written, notes = completed(tmp_path, content, "png", "jpg")
    assert "maker note" in notes[0]
    assert Image.open(written).getexif()[ExifTags.Base.Make] == "a maker"


def test_cmyk_goes_through_its_profile(tmp_path):
    # A profile of RGB stands for a CMYK one that is unusable; plain CMYK has none.
    cmyk = Image.fromarray(COLOURS).convert("CMYK")
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(cmyk, "JPEG", icc_profile=SRGB))
    image = read_image(path)
    assert "ICC profile cannot be used" in image.notes[0]
    assert image.metadata.icc_profile is None


def test_colours_of_a_png_file_without_a_profile_keep_their_meaning(tmp_path):
    gamma = (b"gAMA", (100000).to_bytes(4, "big"))
    for samples in (COLOURS, DEEP):
        _, written, _ = completed(tmp_path, png(samples, [gamma]), "png", "png")
        assert b"gAMA" + gamma[1] in written.read_bytes()


def test_a_gain_map_is_left_out_with_a_note(tmp_path):
    image, written, _ = completed(tmp_path, frames("MPO"), "jpg", "jpg")
    assert "gain map" in image.notes[0]
    with Image.open(written) as file:
        assert file.format == "JPEG"
