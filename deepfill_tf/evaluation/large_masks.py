"""Narrow, medium and wide holes: the distributions that the configs of LaMa state.

The numbers are those of `configs/data_gen/random_{thin,medium,thick}_{256,512}.yaml` in
advimman/lama (Suvorov et al., 2022).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Holes of a larger share are drawn again.
MAX_SHARE = 0.5
# x and y of both ends, and the width of the brush.
Segment = tuple[int, int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class LargeHoles:
    """Holes of images whose shorter side has `side` pixels. All bounds are included.

    Attributes:
      side: shorter side for which the lengths are stated; they are scaled with it.
      strokes: least and greatest number of strokes.
      brush_width: of each segment of a stroke, in pixels.
      length: of each segment of a stroke, in pixels.
      box_probability: probability of boxes in place of strokes.
      boxes: least and greatest number of boxes.
      box_side: of a box, in pixels; height and width are independent.
      margin: least distance of a box from the image's border, in pixels.
    """

    side: int
    strokes: tuple[int, int]
    brush_width: tuple[int, int]
    length: tuple[int, int]
    box_probability: float = 0.3 / 1.3
    boxes: tuple[int, int] = (0, 0)
    box_side: tuple[int, int] = (0, 0)
    margin: int = 0


# For 256 and for 512 pixels. The greatest number of strokes is one more than the configs say:
# LaMa's generator adds it. Its widths begin at 5 and its lengths at 10 pixels.
NARROW = (
    LargeHoles(
        side=256, strokes=(4, 51), brush_width=(5, 14), length=(10, 49), box_probability=0.0
    ),
    LargeHoles(
        side=512, strokes=(4, 71), brush_width=(5, 24), length=(10, 109), box_probability=0.0
    ),
)
MEDIUM = (
    LargeHoles(
        side=256,
        strokes=(4, 6),
        brush_width=(5, 54),
        length=(10, 109),
        boxes=(1, 5),
        box_side=(10, 50),
    ),
    LargeHoles(
        side=512,
        strokes=(4, 11),
        brush_width=(5, 104),
        length=(10, 209),
        boxes=(1, 5),
        box_side=(30, 150),
    ),
)
WIDE = (
    LargeHoles(
        side=256,
        strokes=(1, 6),
        brush_width=(5, 104),
        length=(10, 209),
        boxes=(1, 3),
        box_side=(30, 150),
        margin=10,
    ),
    LargeHoles(
        side=512,
        strokes=(1, 6),
        brush_width=(5, 254),
        length=(10, 459),
        boxes=(1, 4),
        box_side=(30, 300),
        margin=10,
    ),
)


def strokes_or_boxes(
    holes: tuple[LargeHoles, LargeHoles], random: np.random.Generator, height: int, width: int
) -> np.ndarray:
    """Returns bool `[height, width]`, True in the hole, of at most half of the image.

    Args:
      holes: for images of 256 and of 512 pixels; the nearer one is taken.
    """
    chosen = holes[min(height, width) >= 384]
    scale = min(height, width) / chosen.side
    while True:
        has_boxes = random.random() < chosen.box_probability
        draw = _boxes if has_boxes else _strokes
        inside = draw(chosen, scale, random, height, width)
        if 0 < inside.mean() <= MAX_SHARE:
            return inside


def _boxes(
    holes: LargeHoles, scale: float, random: np.random.Generator, height: int, width: int
) -> np.ndarray:
    inside = np.zeros([height, width], bool)
    margin = round(holes.margin * scale)
    for _ in range(random.integers(*holes.boxes, endpoint=True)):
        spans = []
        for size in (height, width):
            side = round(random.integers(*holes.box_side, endpoint=True) * scale)
            side = min(max(side, 1), size - 2 * margin)
            start = random.integers(margin, size - margin - side, endpoint=True)
            spans.append(slice(start, start + side))
        inside[tuple(spans)] = True
    return inside


def _strokes(
    holes: LargeHoles, scale: float, random: np.random.Generator, height: int, width: int
) -> np.ndarray:
    segments = []
    for stroke in range(random.integers(*holes.strokes, endpoint=True)):
        segments += stroke_segments(holes, scale, random, height, width, stroke % 2 == 0)
    return painted(segments, height, width)


def stroke_segments(
    holes: LargeHoles,
    scale: float,
    random: np.random.Generator,
    height: int,
    width: int,
    turned_back: bool,
) -> list[Segment]:
    """Returns one to five segments of a stroke: x and y of both ends, and the brush's width.

    A segment goes in one of four directions, 0.01, 1.01, 2.01 and 3.01 radians from the
    vertical, or their negatives where `turned_back`.
    """
    x, y = int(random.integers(width)), int(random.integers(height))
    segments = []
    for _ in range(random.integers(1, 5, endpoint=True)):
        angle = 0.01 + int(random.integers(4))
        angle = -angle if turned_back else angle
        length = int(random.integers(*holes.length, endpoint=True)) * scale
        brush_width = int(random.integers(*holes.brush_width, endpoint=True)) * scale
        end_x = min(max(int(x + length * math.sin(angle)), 0), width)
        end_y = min(max(int(y + length * math.cos(angle)), 0), height)
        segments.append((x, y, end_x, end_y, max(1, round(brush_width))))
        x, y = end_x, end_y
    return segments


def painted(segments: Sequence[Segment], height: int, width: int) -> np.ndarray:
    """Returns bool `[height, width]`: the pixels within half of a brush's width of a segment.

    In additions, multiplications and divisions of float64 alone, which every machine rounds
    alike.

    Args:
      segments: as `stroke_segments` returns them.
    """
    inside = np.zeros([height, width], bool)
    for x0, y0, x1, y1, brush_width in segments:
        reach = brush_width // 2 + 1
        left, top = max(min(x0, x1) - reach, 0), max(min(y0, y1) - reach, 0)
        box = np.s_[top : max(y0, y1) + reach + 1, left : max(x0, x1) + reach + 1]
        y, x = np.ogrid[: inside[box].shape[0], : inside[box].shape[1]]
        x, y = x + (left - x0), y + (top - y0)
        along_x, along_y = x1 - x0, y1 - y0
        place = (x * along_x + y * along_y) / max(along_x**2 + along_y**2, 1)
        place = np.clip(place, 0, 1)
        squares = (x - place * along_x) ** 2 + (y - place * along_y) ** 2
        inside[box] |= squares <= brush_width**2 / 4
    return inside
