"""Free-form holes."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from deepfill_tf.data import BrushStrokeMasks
from deepfill_tf.data.seeds import Purpose, seeds_of

COUNT = 40


def _strokes(masks, height, width):
    seeds = seeds_of(3, Purpose.MASK, tf.range(COUNT))
    return [value.numpy() for value in masks.strokes(seeds, height, width)]


def _drawn_by_pillow(x, y, segments, brush_width, mirrored, height, width):
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for stroke, last in enumerate(segments):
        if last == 0:
            continue
        points = [(int(x[stroke, i]), int(y[stroke, i])) for i in range(last + 1)]
        brush = int(brush_width[stroke])
        draw.line(points, fill=1, width=brush)
        for px, py in points:
            r = brush // 2
            draw.ellipse((px - r, py - r, px + r, py + r), fill=1)
    mask = np.asarray(image, np.float32)
    mask = mask[:, ::-1] if mirrored[0] else mask
    return mask[::-1] if mirrored[1] else mask


@pytest.mark.parametrize(("height", "width"), [(256, 256), (96, 160)])
@pytest.mark.parametrize("as_released", [False, True])
def test_masks_are_what_pillow_draws(height, width, as_released):
    masks = BrushStrokeMasks(as_released=as_released, max_strokes=5)
    holes = masks(seeds_of(3, Purpose.MASK, tf.range(COUNT)), height, width).numpy()
    for hole, *strokes in zip(holes, *_strokes(masks, height, width), strict=True):
        np.testing.assert_array_equal(hole[..., 0], _drawn_by_pillow(*strokes, height, width))


def test_strokes_are_in_the_configured_ranges():
    masks = BrushStrokeMasks(
        min_strokes=2, max_strokes=4, min_vertices=3, max_vertices=5, max_brush_width=14
    )
    x, y, segments, brush_width, mirrored = _strokes(masks, 64, 96)
    drawn = segments > 0
    assert set(drawn.sum(axis=1)) == {2, 3, 4}
    assert set(segments[drawn]) == {3, 4, 5}
    assert set(brush_width[drawn]) == {12, 13}
    assert x.min() >= 0 and 64 < x.max() <= 96 and y.min() >= 0 and y.max() <= 64
    assert set(map(tuple, mirrored)) == {(a, b) for a in (False, True) for b in (False, True)}


def test_as_released_exchanges_height_and_width_and_never_mirrors():
    x, y, _, _, mirrored = _strokes(BrushStrokeMasks(as_released=True), 64, 96)
    assert x.max() <= 64 < y.max() <= 96
    assert not mirrored.any()


def test_strokes_zigzag_and_drift_to_the_right():
    size = 512
    x, y, *_ = _strokes(BrushStrokeMasks(), size, size)
    steps_x, steps_y = np.diff(x, axis=2), np.diff(y, axis=2)
    # First up, then down; positions are cut down to whole numbers.
    assert (steps_y[..., ::2] <= 0).all() and (steps_y[..., 1::2] >= -1).all()
    # From 48 to 96 degrees around the horizontal, the longest step a quarter of the diagonal.
    longest = size * 2**0.5 / 4
    assert steps_x.min() >= longest * np.cos(np.radians(96)) - 1
    assert steps_x.max() <= longest * np.cos(np.radians(48))
    assert steps_x[x[..., 1:] < size].mean() > 0


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ({"min_strokes": 0}, "min_strokes .* 0"),
        ({"min_vertices": 9, "max_vertices": 4}, "max_vertices .* >= 9, got 4"),
        ({"max_brush_width": 5}, "max_brush_width .* >= 12, got 5"),
    ],
)
def test_bad_arguments_are_quoted(arguments, quoted):
    with pytest.raises(ValueError, match=quoted):
        BrushStrokeMasks(**arguments)
