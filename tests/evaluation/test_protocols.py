import hashlib

import cv2
import numpy as np
import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import PROTOCOLS, hole
from deepfill_tf.evaluation.large_masks import MEDIUM, NARROW, WIDE, painted, stroke_segments
from deepfill_tf.evaluation.manifest import mask_hash

# First digits of the hash of the hashes of holes of the image "ab" at 64 x 80, the same with every
# version of TensorFlow and NumPy.
RECORDED = {
    "center": "cde4f339859a",
    "random_rectangle": "70a6f04310c1",
    "free_form": "564f9e2bc0e5",
    "narrow": "eaab2bb64811",
    "medium": "a0cc1ae67b62",
    "wide": "6e11df8be7dd",
    "irregular_bins": "95628b1e612e",
    "outpaint": "bf53f0420c89",
}


def holes(protocol, height=64, width=80, images=8):
    indices = range(PROTOCOLS[protocol].holes_per_image)
    return [hole(protocol, f"{i:02x}", height, width, 0, k) for i in range(images) for k in indices]


def share(mask):
    return (mask > 127).mean()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_holes_are_those_of_every_version(protocol):
    drawn = [
        hole(protocol, "ab", 64, 80, seed, k)
        for seed in range(4)
        for k in range(PROTOCOLS[protocol].holes_per_image)
    ]
    text = "".join(map(mask_hash, drawn))
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == RECORDED[protocol]


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"center"}))
def test_holes_depend_on_the_image_and_the_seed(protocol):
    first = hole(protocol, "00", 64, 80)
    assert first.shape == (64, 80, 1) and set(np.unique(first)) == {0, 255}
    np.testing.assert_array_equal(hole(protocol, "00", 64, 80), first)
    assert (hole(protocol, "01", 64, 80) != first).any()
    assert (hole(protocol, "00", 64, 80, seed=1) != first).any()


def test_center_is_a_quarter():
    mask = hole("center", "00", 64, 80)
    expected = np.zeros([64, 80, 1], np.uint8)
    expected[16:48, 20:60] = 255
    np.testing.assert_array_equal(mask, expected)


def test_random_rectangles_are_those_of_the_first_paper():
    for mask in holes("random_rectangle", 256, 256, 10):
        rows, columns = (np.flatnonzero((mask > 0).any(axis=(a, 2))) for a in (1, 0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert 96 <= len(rows) <= 128 and 96 <= len(columns) <= 128


def test_irregular_holes_fill_the_bins():
    for index in range(6):
        for image in ("00", "01", "02"):
            value = share(hole("irregular_bins", image, 64, 80, 0, index))
            assert index / 10 < value <= (index + 1) / 10


def test_outpainting_holes_are_strips_at_the_sides():
    masks = [mask[:, :, 0] > 0 for mask in holes("outpaint", images=30)]
    assert all(0.03 < mask.mean() < 0.8 and not mask[32, 40] for mask in masks)
    at_sides = np.array([[m[32, 0], m[0, 40], m[32, -1], m[-1, 40]] for m in masks])
    assert at_sides.any(axis=1).all() and 0.3 < at_sides.mean() < 0.75


@pytest.mark.parametrize("protocol", ["narrow", "medium", "wide"])
@pytest.mark.parametrize("side", [64, 512])
def test_large_holes_take_at_most_half_of_the_image(protocol, side):
    shares = [share(mask) for mask in holes(protocol, side, side, 4)]
    assert min(shares) > 0 and max(shares) <= 0.5


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("kind", [NARROW, MEDIUM, WIDE])
def test_strokes_are_painted_as_opencv_paints_them(kind, size):
    """But for two pixels at the border of a stroke, where OpenCV rounds to whole pixels."""
    random = np.random.default_rng(0)
    side = kind[size].side
    for stroke in range(3):
        segments = stroke_segments(kind[size], 1.0, random, side, side, stroke % 2 == 0)
        canvas = np.zeros([side, side], np.uint8)
        for x0, y0, x1, y1, brush_width in segments:
            cv2.line(canvas, (x0, y0), (x1, y1), 1, brush_width)
        mask = painted(segments, side, side)
        border = cv2.dilate(canvas, np.ones([5, 5])) != cv2.erode(canvas, np.ones([5, 5]))
        np.testing.assert_array_equal(mask[~border], canvas[~border] > 0)


def test_strokes_have_the_stated_distribution():
    """Widths, lengths and directions of LaMa's config for 256 pixels."""
    random = np.random.default_rng(0)
    pieces = [stroke_segments(WIDE[0], 1.0, random, 10**6, 10**6, False) for _ in range(400)]
    assert {len(segments) for segments in pieces} == {1, 2, 3, 4, 5}
    x0, y0, x1, y1, widths = np.array([s for segments in pieces for s in segments]).T
    lengths = np.hypot(x1 - x0, y1 - y0)
    assert widths.min() == 5 and widths.max() == 104
    assert 8 <= lengths.min() < 14 and 205 < lengths.max() <= 210
    angles = np.arctan2(x1 - x0, y1 - y0)[lengths > 50] % (2 * np.pi)
    assert set(np.floor(angles + 0.2).astype(int)) == {0, 1, 2, 3}


def test_what_is_refused():
    with pytest.raises(UserError, match="must be one of center, .*, got 'centre'"):
        hole("centre", "00", 64, 64)
    with pytest.raises(ValueError, match="at least 16 x 16, got 15 x 64"):
        hole("center", "00", 15, 64)
