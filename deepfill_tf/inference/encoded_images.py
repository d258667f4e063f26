"""Decoding of PNG and JPEG files inside a SavedModel, as the command reads them.

Operations of TensorFlow only: a SavedModel runs without this package.
"""

import tensorflow as tf

from deepfill_tf.data.image_files.opening import MAX_MEGAPIXELS

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
# Markers of a JPEG file: of EXIF and XMP data, of the samples' start, and of a byte of filling.
_APP1, _START_OF_SCAN, _FILL = 0xE1, 0xDA, 0xFF
_EXIF = b"Exif\0\0"
_ORIENTATION_TAG, _LONG = 0x0112, 4
# More tags than a directory of an EXIF block can have in a JPEG file.
_MOST_TAGS = 5461


def decode_image(file: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes a PNG or JPEG file, a string scalar: uint8 `[H, W, channels]`, turned as EXIF says.

    Alpha is dropped. Raises InvalidArgumentError for other files, damaged ones, and images of
    more than 100 megapixels.
    """
    return _decoded(file, channels, channels)


def decode_mask(file: tf.Tensor) -> tf.Tensor:
    """Decodes a mask or sketch: uint8 `[H, W, 1]`, its brightest colour, put on black.

    As `read_mask` reads it with hole="white". Raises as `decode_image` does.
    """
    values = tf.cast(_decoded(file, 4, 3), tf.int32)
    strength = tf.reduce_max(values[..., :3], axis=-1, keepdims=True)
    alpha = values[..., 3:]
    # TensorFlow fills the missing alpha of a PNG file of 1, 2 or 4 bits up with 1, 3 or 15.
    bits = tf.cast(_Bytes(file).byte(_int(24)), tf.int32)
    filled = _begins(file, _PNG) & (bits < 8) & tf.reduce_all(alpha == 2**bits - 1)
    alpha = tf.where(filled, 255, alpha)
    return tf.cast((strength * alpha + 127) // 255, tf.uint8)


def exif_orientation(file: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of a PNG or JPEG file, int64, 1 to 8; 1 if there is none."""
    content = _Bytes(file)
    start = tf.cond(_begins(file, _PNG), lambda: _png_exif(content), lambda: _jpeg_exif(content))
    return tf.cond(start > 0, lambda: _orientation_at(content, start), lambda: _int(1))


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Returns `[H, W, c]`, or `[W, H, c]` from orientation 5 on, as EXIF says it is shown."""

    def where(orientations, function, x):
        matches = tf.reduce_any(orientation == tf.constant(orientations, tf.int64))
        return tf.cond(matches, lambda: function(x), lambda: x)

    image = where([5, 6, 7, 8], lambda x: tf.transpose(x, [1, 0, 2]), image)
    image = where([2, 3, 6, 7], lambda x: tf.reverse(x, [1]), image)
    return where([3, 4, 7, 8], lambda x: tf.reverse(x, [0]), image)


class _Bytes:
    """The bytes of a file as numbers; reading behind its end gives its last byte."""

    def __init__(self, file: tf.Tensor):
        self.file = file
        self.values = tf.io.decode_raw(file, tf.uint8)
        self.count = tf.size(self.values, out_type=tf.int64)

    def byte(self, place: tf.Tensor) -> tf.Tensor:
        inside = tf.clip_by_value(place, 0, self.count - 1)
        return tf.cast(tf.gather(self.values, inside), tf.int64)

    def number(self, place: tf.Tensor, size: int, little_endian: tf.Tensor) -> tf.Tensor:
        """The unsigned number of `size` bytes at each place."""
        forward = [self.byte(place + i) for i in range(size)]
        big = sum(b * 256 ** (size - 1 - i) for i, b in enumerate(forward))
        little = sum(b * 256**i for i, b in enumerate(forward))
        return tf.where(little_endian, little, big)

    def big_endian(self, place: tf.Tensor, size: int) -> tf.Tensor:
        return self.number(place, size, tf.constant(False))

    def has(self, place: tf.Tensor, expected: bytes) -> tf.Tensor:
        """Whether the bytes at a place are these."""
        same = [self.byte(place + i) == value for i, value in enumerate(expected)]
        return tf.reduce_all(tf.stack(same))


def _decoded(file: tf.Tensor, png_channels: int, jpeg_channels: int) -> tf.Tensor:
    """uint8 `[H, W, png_channels]`; a JPEG file's channels are filled up with 255."""
    is_png = _begins(file, _PNG)
    known = tf.debugging.Assert(
        is_png | _begins(file, _JPEG), ["an image or mask must be a PNG or JPEG file"]
    )
    with tf.control_dependencies([known]):
        file = tf.identity(file)
    size = tf.cond(is_png, lambda: _png_size(_Bytes(file)), lambda: _jpeg_size(file))
    pixels = tf.reduce_prod(size)
    small = tf.debugging.Assert(
        pixels <= int(MAX_MEGAPIXELS * 1e6),
        [f"an image may have {MAX_MEGAPIXELS:g} megapixels, got height and width", size],
    )
    with tf.control_dependencies([small]):
        file = tf.identity(file)

    def decode_jpeg():
        # As other programs decode it; the faster default differs by a few levels.
        image = tf.io.decode_jpeg(file, jpeg_channels, dct_method="INTEGER_ACCURATE")
        missing = png_channels - jpeg_channels
        return tf.pad(image, [[0, 0], [0, 0], [0, missing]], constant_values=255)

    image = tf.cond(is_png, lambda: tf.io.decode_png(file, png_channels), decode_jpeg)
    image = tf.ensure_shape(image, [None, None, png_channels])
    image = turned(image, exif_orientation(file))
    return tf.ensure_shape(image, [None, None, png_channels])


def _png_size(content: _Bytes) -> tf.Tensor:
    """Height and width."""
    return tf.stack([content.big_endian(_int(20), 4), content.big_endian(_int(16), 4)])


def _jpeg_size(file: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.image.extract_jpeg_shape(file)[:2], tf.int64)


def _png_exif(content: _Bytes) -> tf.Tensor:
    """Where a PNG file's EXIF block starts; 0 if there is none."""

    def goes_on(place, found):
        return (place + 8 < content.count) & (found == 0)

    def next_chunk(place, found):
        found = tf.where(content.has(place + 4, b"eXIf"), place + 8, 0)
        return place + 12 + content.big_endian(place, 4), found

    return tf.while_loop(goes_on, next_chunk, [_int(len(_PNG)), _int(0)])[1]


def _jpeg_exif(content: _Bytes) -> tf.Tensor:
    """Where a JPEG file's EXIF block starts; 0 if there is none."""

    def goes_on(place, found):
        is_marker = (content.byte(place) == 0xFF) & (content.byte(place + 1) != _START_OF_SCAN)
        return (place + 4 < content.count) & is_marker & (found == 0)

    def next_segment(place, found):
        marker = content.byte(place + 1)
        is_exif = (marker == _APP1) & content.has(place + 4, _EXIF)
        found = tf.where(is_exif, place + 4 + len(_EXIF), 0)
        length = tf.maximum(content.big_endian(place + 2, 2), 2)
        return place + tf.where(marker == _FILL, _int(1), 2 + length), found

    return tf.while_loop(goes_on, next_segment, [_int(len(_JPEG)), _int(0)])[1]


def _orientation_at(content: _Bytes, start: tf.Tensor) -> tf.Tensor:
    """The orientation in the EXIF block, a TIFF file, at a place."""
    is_little = content.byte(start) == ord("I")
    directory = start + content.number(start + 4, 4, is_little)
    room = tf.maximum(content.count - directory - 2, 0) // 12
    count = tf.minimum(tf.minimum(content.number(directory, 2, is_little), room), _MOST_TAGS)
    entries = directory + 2 + 12 * tf.range(count)
    found = tf.boolean_mask(entries, content.number(entries, 2, is_little) == _ORIENTATION_TAG)

    def value():
        entry = found[0]
        is_long = content.number(entry + 2, 2, is_little) == _LONG
        short = content.number(entry + 8, 2, is_little)
        return tf.where(is_long, content.number(entry + 8, 4, is_little), short)

    orientation = tf.cond(tf.size(found) > 0, value, lambda: _int(1))
    return tf.where((orientation >= 1) & (orientation <= 8), orientation, 1)


def _begins(file: tf.Tensor, start: bytes) -> tf.Tensor:
    # `substr` of a shorter string is an error.
    padded = tf.strings.join([file, b"\0" * len(start)])
    return tf.strings.substr(padded, 0, len(start)) == start


def _int(value: int) -> tf.Tensor:
    return tf.constant(value, tf.int64)
