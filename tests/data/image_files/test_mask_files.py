"""What of a mask file is the hole."""

import re

import numpy as np
import pytest
from PIL import Image

import deepfill_tf
from deepfill_tf.data.image_files import HOLES, read_mask, read_sketch
from deepfill_tf.errors import UserError
from tests.data.image_files.files import by_opencv, exif, png, saved

HEIGHT, WIDTH = 24, 32
HOLE = np.zeros([HEIGHT, WIDTH], bool)
HOLE[6:14, 10:20] = True


def flat(inside, outside, dtype=np.uint8):
    """`[H, W, c]` of one value in the hole and another outside."""
    return np.where(HOLE[:, :, None], np.array(inside), np.array(outside)).astype(dtype)


def palette(colours, **options):
    """An image of indices 1 in the hole and 0 elsewhere."""
    image = Image.frombytes("P", (WIDTH, HEIGHT), HOLE.astype(np.uint8).tobytes())
    image.putpalette([value for colour in colours for value in colour])
    return saved(image, "PNG", **options)


BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# Name -> content of the file, and what is the hole.
MEANINGS = {
    "white on black": (png(flat([255], [0])), "white"),
    "white and black RGB": (png(flat(WHITE, BLACK)), "white"),
    "white with opaque alpha": (png(flat((*WHITE, 255), (*BLACK, 255))), "white"),
    "green strokes": (png(flat((0, 255, 0), BLACK)), "white"),
    "blue strokes on a transparent layer": (png(flat((0, 0, 255, 255), (0, 0, 0, 0))), "white"),
    "white strokes on a transparent white layer": (
        png(flat((*WHITE, 255), (*WHITE, 0))),
        "white",
    ),
    "grey and alpha": (png(flat((255, 255), (255, 0))), "white"),
    "one bit": (saved(Image.fromarray(HOLE), "PNG"), "white"),
    "a palette of black and white": (palette([BLACK, WHITE]), "white"),
    "16 bits": (png(flat([65535], [0], np.uint16)), "white"),
    "16 bits of colour": (png(flat([65535, 0, 0], [0, 0, 0], np.uint16)), "white"),
    "16 bits in TIFF": (by_opencv(".tif", flat([60000], [100], np.uint16)), "white"),
    "floats": (saved(HOLE.astype(np.float32), "TIFF"), "white"),
    "black on white": (png(flat([0], [255])), "black"),
    "red on white": (png(flat((255, 0, 0), WHITE)), "black"),
    "black strokes, put on white": (png(flat((0, 0, 0, 255), (0, 0, 0, 0))), "black"),
    "black strokes on a transparent layer": (png(flat((0, 0, 0, 255), (0, 0, 0, 0))), "alpha"),
    "faint strokes": (png(flat((*WHITE, 30), (*WHITE, 0))), "alpha"),
    "faint strokes of 16 bits": (png(flat([9, 9, 9, 7], [9, 9, 9, 0], np.uint16)), "alpha"),
    "a transparent part": (png(flat((9, 8, 7, 0), (200, 100, 50, 255))), "transparent"),
    "a transparent part of a palette": (
        palette([(9, 9, 9), WHITE], transparency=1),
        "transparent",
    ),
    "values 0 and 1": (png(flat([1], [0])), "nonzero"),
    "a label of 16 bits": (png(flat([7], [0], np.uint16)), "nonzero"),
    "a label of 32 bits": (saved(HOLE.astype(np.int32) * 100000, "TIFF"), "nonzero"),
    "a label map of dark colours": (palette([BLACK, (30, 20, 10)]), "nonzero"),
    "a label map of colours": (palette([(128, 64, 128), (244, 35, 232)]), "nonzero"),
    "a label map without colours": (palette([BLACK, BLACK]), "nonzero"),
}


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="mask.png"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


@pytest.mark.parametrize("name", MEANINGS)
def test_the_mask_means_what_its_maker_meant(write, name):
    content, hole = MEANINGS[name]
    mask = read_mask(write(content), (HEIGHT, WIDTH), hole=hole)
    assert mask.pixels.dtype == np.uint8 and mask.pixels.shape == (HEIGHT, WIDTH, 1)
    np.testing.assert_array_equal(mask.pixels[:, :, 0], HOLE * np.uint8(255))
    assert not mask.is_empty and mask.notes == ()


def test_a_palette_with_black_behind_another_colour_is_read_by_its_colours(write):
    # Programs that reduce colours may put white first.
    mask = read_mask(write(palette([WHITE, BLACK])), hole="nonzero")
    np.testing.assert_array_equal(mask.pixels[:, :, 0] == 255, ~HOLE)


@pytest.mark.parametrize(
    "content, hole, why",
    [
        (png(flat([1], [0])), "white", "values 0 and 1.*--hole=nonzero"),
        (png(flat([255], [0], np.uint16)), "white", "0 to 255 in 16 bits.*--hole=nonzero"),
        (png(flat([90], [0])), "white", "0 to 90.*--hole=nonzero"),
        (saved(np.where(HOLE, -1, 0).astype(np.int32), "TIFF"), "white", "-1 to 0.*nonzero"),
        (saved(np.where(HOLE, np.nan, 0).astype("f4"), "TIFF"), "white", "NaN.*--hole=nonzero"),
        (png(flat((0, 0, 0, 255), (0, 0, 0, 0))), "white", "--hole=alpha"),
        (png(flat((*WHITE, 100), (*WHITE, 0))), "white", "--hole=alpha"),
        (palette([BLACK, (30, 20, 10)]), "white", "palette.*--hole=nonzero"),
        (png(flat([0], [0])), "white", "all of it is black"),
        (png(flat([255], [255])), "black", "all of it is white"),
        (png(flat([0], [0])), "nonzero", "all of its values are 0"),
        (png(flat((1, 2, 3), (4, 5, 6))), "transparent", "no alpha channel"),
        (png(flat((1, 2, 3, 4), (4, 5, 6, 7))), "transparent", "no transparent pixel"),
        (png(flat((1, 2, 3, 0), (4, 5, 6, 0))), "alpha", "all of it is transparent"),
    ],
)
def test_a_mask_without_a_hole_says_why(write, content, hole, why):
    path = write(content)
    mask = read_mask(path, hole=hole)
    assert mask.is_empty and not mask.pixels.any()
    assert str(path) in mask.why_empty and "\n" not in mask.why_empty
    assert re.search(why, mask.why_empty)


@pytest.mark.parametrize(
    "content, options, why",
    [
        (png(flat([255], [255])), {}, "--hole=black"),
        (png(flat([0], [0])), {"hole": "black"}, "--hole=white"),
        (png(flat((1, 2, 3), (4, 5, 6))), {"hole": "alpha"}, "no alpha channel"),
        (png(flat((1, 2, 3, 0), (4, 5, 6, 0))), {"hole": "transparent"}, "--hole=alpha"),
        (png(flat([1], [2])), {"hole": "nonzero"}, "--hole=white"),
        (png(flat([255], [0])), {"grow": 30}, "less than 30"),
    ],
)
def test_a_mask_that_is_all_hole_is_refused(write, content, options, why):
    with pytest.raises(UserError, match=f"mask.png is all hole.*{why}"):
        read_mask(write(content), **options)


def test_strokes_of_half_strength_are_the_hole_with_a_note(write):
    mask = read_mask(write(png(flat((*WHITE, 128), (*WHITE, 0)))))
    np.testing.assert_array_equal(mask.pixels[:, :, 0], HOLE * np.uint8(255))
    assert "neither black nor white" in mask.notes[0]


@pytest.mark.parametrize(
    "alpha, hint", [(np.full(HOLE.shape, 255), False), (np.where(HOLE, 0, 255), True)]
)
def test_a_photograph_in_place_of_a_mask_is_noted(write, alpha, hint):
    photograph = np.dstack([np.mgrid[:HEIGHT, 0:256:8][1]] * 3 + [alpha]).astype(np.uint8)
    photograph[:, :, 1] += np.arange(HEIGHT, dtype=np.uint8)[:, None]
    (note,) = read_mask(write(png(photograph))).notes
    assert "photograph" in note and ("--hole=transparent" in note) == hint


def test_soft_edges_are_noted_and_growing_covers_them(write):
    image = Image.fromarray(HOLE.astype(np.uint8) * 255).resize((320, 240), Image.BICUBIC)
    path = write(saved(image, "JPEG", quality=50), "mask.jpg")
    assert "--grow_hole" in read_mask(path).notes[0]
    grown = read_mask(path, grow=8)
    assert not grown.notes
    assert (grown.pixels[np.asarray(image) > 20] == 255).all()


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_a_hole_grows_in_all_directions(write, pixels):
    mask = read_mask(write(png(flat([255], [0]))), grow=pixels).pixels[:, :, 0] > 0
    rows, columns = np.nonzero(HOLE)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distances = np.hypot(y[..., None] - rows, x[..., None] - columns).min(axis=2)
    np.testing.assert_array_equal(mask, distances <= pixels)


def test_a_mask_of_another_size_is_refused_or_resized(write):
    path = write(png(flat([255], [0])))
    with pytest.raises(UserError, match=r"32 x 24 .*its image is 64 x 48.*--resize_mask"):
        read_mask(path, (48, 64))
    with pytest.raises(UserError, match="before the image was turned"):
        read_mask(path, (32, 24))
    larger = read_mask(path, (48, 64), resize=True)
    inside = larger.pixels[14:26, 22:38]
    assert larger.pixels.shape == (48, 64, 1) and (inside == 255).all()
    assert 0.9 < (larger.pixels > 0).mean() / HOLE.mean() < 1.1
    assert "resized to 64 x 48" in larger.notes[0]


def test_thin_strokes_survive_shrinking(write):
    stroke = np.zeros([400, 400, 1], np.uint8)
    stroke[201] = 255
    mask = read_mask(write(png(stroke)), (16, 16), resize=True)
    assert (mask.pixels > 0).any(axis=0).all() and (mask.pixels > 0).sum() == 16


def test_a_mask_is_turned_by_its_exif_orientation(write):
    path = write(saved(flat([255], [0])[:, :, 0], "PNG", exif=exif(Orientation=6)))
    mask = read_mask(path, (WIDTH, HEIGHT))
    np.testing.assert_array_equal(mask.pixels[:, :, 0] > 0, HOLE.T[:, ::-1])


def test_a_sketch_keeps_its_strength(write):
    path = write(png(flat((0, 100, 0, 255), (255, 255, 255, 0))))
    sketch = read_sketch(path, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(sketch[:, :, 0], HOLE * np.uint8(100))
    with pytest.raises(UserError, match="sketch"):
        read_sketch(path, (48, 64))
    assert read_sketch(path, (48, 64), resize=True).shape == (48, 64, 1)


@pytest.mark.parametrize("options", [{"hole": "grey"}, {"grow": -1}, {"grow": 1.5}])
def test_bad_options_are_quoted(write, options):
    (value,) = options.values()
    with pytest.raises(ValueError, match=str(value)):
        read_mask(write(png(flat([255], [0]))), **options)


def test_python_users_get_the_same_reader():
    assert deepfill_tf.read_mask is read_mask
    assert set(HOLES) == {"white", "black", "alpha", "transparent", "nonzero"}
