#!/usr/bin/env python3
"""Draws docs/architecture.svg and docs/regions.svg from the networks' own tables.

    python tools/draw_architecture.py [FOLDER]

The drawings depend on the code only: a test holds the committed files to what this makes.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from deepfill_tf.allocator import keep_freed_memory

keep_freed_memory()

import tensorflow as tf

from deepfill_tf.inference.hole_boxes import hole_boxes
from deepfill_tf.networks import CoarseNetwork, GeneratorV2
from deepfill_tf.networks.coarse import CONVS
from deepfill_tf.networks.conv_stack import ConvSpec
from deepfill_tf.networks.refinement import (
    AFTER_ATTENTION,
    BEFORE_ATTENTION,
    CONVOLUTION_BRANCH,
    DECODER,
)
from deepfill_tf.ops import Region

FOLDER = Path(__file__).resolve().parent.parent / "docs"

INK, PAPER = "#1f2328", "#ffffff"
COLORS = {
    "convolution": "#9ec5e8",
    "stride 2": "#4f8cc9",
    "dilated": "#f2b562",
    "upsampling": "#8fca8f",
    "output": "#c9ced4",
    "attention": "#c79fdc",
}
# Horizontal distance of layers; width of a layer; height of a layer at full resolution, and how
# much smaller it is at each halving.
PITCH, BAR, TALL, HALVING = 56, 42, 172, 18
LEFT = 156
WIDTH = LEFT + 17 * PITCH + 116


class Drawing:
    """An SVG file as text."""

    def __init__(self, width: int, height: int, title: str):
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="Helvetica, Arial, sans-serif">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="6" refY="3" '
            f'orient="auto"><path d="M0,0 L6,3 L0,6 z" fill="{INK}"/></marker></defs>',
        ]
        self.rectangle(0, 0, width, height, fill=PAPER, stroke="none")

    def rectangle(self, x, y, width, height, *, fill="none", stroke=INK, dash="", opacity=1.0):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" '
            f'fill-opacity="{opacity}" stroke="{stroke}"{dashed}/>'
        )

    def text(self, x, y, words, *, size=12, anchor="middle", bold=False, turned=False):
        turn = f' transform="rotate(-90 {x} {y})"' if turned else ""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{INK}"'
            f"{weight}{turn}>{escape(words)}</text>"
        )

    def line(self, begin: tuple, end: tuple):
        (x1, y1), (x2, y2) = begin, end
        self._parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{INK}"/>')

    def arrow(self, *points: tuple, dash=""):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        joined = " ".join(f"{x},{y}" for x, y in points)
        self._parts.append(
            f'<polyline points="{joined}" fill="none" stroke="{INK}"{dashed} '
            'marker-end="url(#head)"/>'
        )

    def __str__(self) -> str:
        return "\n".join([*self._parts, "</svg>"]) + "\n"


def draw_architecture() -> str:
    """Both stages of `GeneratorV2`, a bar for each layer."""
    drawing = Drawing(WIDTH, 960, "The generator: coarse network, then refinement network")
    width = GeneratorV2().options.width
    top, middle, bottom = 165, 500, 790

    drawing.text(16, 30, "Coarse network (networks/coarse.py)", size=16, anchor="start", bold=True)
    _legend(drawing, 470, 18)
    _box(
        drawing, top, ["image × (1 − mask),", "ones, mask", "(guided: sketch)", "[N, H, W, 5 or 6]"]
    )
    scale = _bars(drawing, CONVS, top, 0, width, 0)
    _result(drawing, top, ["coarse", "[N, H, W, 3]"])
    assert scale == 0

    drawing.text(
        90, 352, "Refinement network (networks/refinement.py)", size=16, anchor="start", bold=True
    )
    # The coarse completion is the input of both branches.
    turn = 318
    drawing.arrow(
        (WIDTH - 57, top + 24), (WIDTH - 57, turn), (72, turn), (72, middle - 29), dash="5 4"
    )
    words = "coarse completion: coarse × mask + image × (1 − mask), ops.composite"
    drawing.text(WIDTH - 66, turn + 18, words, anchor="end")
    _box(drawing, middle, ["coarse completion", "(v1: ones, mask)", "[N, H, W, 3 or 5]"])
    drawing.arrow((72, middle + 27), (72, bottom), (LEFT - 2, bottom))
    scale = _bars(drawing, CONVOLUTION_BRANCH, middle, 0, width, 0)
    small = _bars(drawing, BEFORE_ATTENTION, bottom, 0, width, 0)
    slot = len(BEFORE_ATTENTION)
    _attention(drawing, bottom, slot)
    slot += 2
    _bars(drawing, AFTER_ATTENTION, bottom, slot, width, small)
    slot += len(AFTER_ATTENTION)
    assert slot == len(CONVOLUTION_BRANCH) and scale == small
    # Concatenation of the two branches.
    end = LEFT + slot * PITCH - (PITCH - BAR) / 2
    drawing.arrow((end - (PITCH - BAR) / 2, bottom), (end, bottom), (end, middle + 2))
    drawing.text(end + 8, bottom, "concatenated channels of both branches", anchor="start")
    _bars(drawing, DECODER, middle, slot, width, scale)
    _result(drawing, middle, ["refined", "[N, H, W, 3]"])
    return str(drawing)


def _legend(drawing: Drawing, x: int, y: int) -> None:
    for kind, color in COLORS.items():
        drawing.rectangle(x, y, 14, 14, fill=color)
        drawing.text(x + 19, y + 12, kind, anchor="start")
        x += 44 + 7 * len(kind)
    drawing.text(
        470,
        y + 34,
        "Above a layer: output channels after the gate (v2). Below: kernel, s stride, d dilation, "
        "and the size of its output.",
        anchor="start",
    )


def _box(drawing: Drawing, y: int, lines: Sequence[str]) -> None:
    height = 22 + 16 * (len(lines) - 1)
    drawing.rectangle(4, y - height / 2, 136, height, fill="#f6f8fa")
    for i, line in enumerate(lines):
        drawing.text(72, y - height / 2 + 15 + 16 * i, line)
    drawing.arrow((140, y), (LEFT - 2, y))


def _result(drawing: Drawing, y: int, lines: Sequence[str]) -> None:
    x = LEFT + 17 * PITCH + 4
    drawing.arrow((x - 4 - PITCH + BAR, y), (x + 4, y))
    drawing.rectangle(x + 6, y - 24, 92, 48, fill="#f6f8fa")
    for i, line in enumerate(lines):
        drawing.text(x + 52, y - 4 + 18 * i, line, bold=not i)


def _bars(
    drawing: Drawing, specs: Iterable[ConvSpec], y: int, slot: int, width: int, scale: int
) -> int:
    """Draws a layer for each spec from `slot` on.

    Args and result: `scale` is the number of halvings before the first layer and after the last.
    """
    for spec in specs:
        if spec.width is None:
            _output_bar(drawing, spec.name, y, slot)
            continue
        scale += (spec.strides > 1) - spec.upsample
        kind = "upsampling" if spec.upsample else "convolution"
        kind = "stride 2" if spec.strides > 1 else kind
        kind = "dilated" if spec.dilation_rate > 1 else kind
        details = [f"{spec.kernel_size} × {spec.kernel_size}"]
        details += [f"s {spec.strides}"] if spec.strides > 1 else []
        details += [f"d {spec.dilation_rate}"] if spec.dilation_rate > 1 else []
        details += ["up × 2"] if spec.upsample else []
        details += ["relu"] if spec.activation == "relu" else []
        channels = round(spec.width * width)
        _bar(drawing, y, slot, scale, COLORS[kind], spec.name, str(channels), details)
        slot += 1
    return scale


def _output_bar(drawing: Drawing, name: str, y: int, slot: int) -> None:
    _bar(drawing, y, slot, 0, COLORS["output"], name, "3", ["3 × 3", "tanh (v2)", "clip (v1)"])


def _bar(
    drawing: Drawing,
    y: int,
    slot: int,
    scale: int,
    color: str,
    name: str,
    above: str,
    below: Sequence[str],
) -> None:
    x, height = LEFT + slot * PITCH, TALL - HALVING * scale
    drawing.rectangle(x, y - height / 2, BAR, height, fill=color)
    if slot:
        drawing.line((x - PITCH + BAR, y), (x, y))
    drawing.text(x + BAR / 2 + 4, y, name, size=11, turned=True)
    drawing.text(x + BAR / 2, y - height / 2 - 6, above, bold=True)
    size = "H" if scale == 0 else f"H / {2**scale}"
    for i, line in enumerate([*below, size]):
        drawing.text(x + BAR / 2, y + height / 2 + 14 + 13 * i, line, size=11)


def _attention(drawing: Drawing, y: int, slot: int) -> None:
    x, width, height = LEFT + slot * PITCH, PITCH + BAR, TALL - 2 * HALVING + 24
    drawing.rectangle(x, y - height / 2, width, height, fill=COLORS["attention"])
    drawing.line((x - PITCH + BAR, y), (x, y))
    for i, line in enumerate(
        ["contextual", "attention", "", "3 × 3 patches", "compared at", "H / 8"]
    ):
        drawing.text(x + width / 2, y - 40 + 17 * i, line, size=13 if i < 2 else 12, bold=i < 2)
    drawing.arrow((x + width / 2, y - height / 2 - 30), (x + width / 2, y - height / 2 - 2))
    drawing.text(x + width / 2, y - height / 2 - 36, "mask [N, H/4, W/4, 1]")
    drawing.arrow((x + width / 2, y + height / 2), (x + width / 2, y + height / 2 + 24))
    drawing.text(x + width / 2, y + height / 2 + 40, "offsets")
    drawing.text(x + width / 2, y + height / 2 + 55, "[N, H/8, W/8, 2]")


# Height and width of the example of docs/regions.svg, and its holes: top, left, bottom, right.
EXAMPLE_SIZE = (640, 1280)
EXAMPLE_HOLES = ((250, 230, 330, 370), (300, 330, 380, 420), (330, 930, 400, 1020))


def draw_regions() -> str:
    """A mask with two holes: their boxes, and what the coarse network sees for each."""
    height, width = EXAMPLE_SIZE
    holes = tf.zeros(EXAMPLE_SIZE, tf.bool)
    rows, columns = tf.range(height)[:, None], tf.range(width)
    for top, left, bottom, right in EXAMPLE_HOLES:
        holes |= (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    network = CoarseNetwork(width=2)

    unit = 0.75
    drawing = Drawing(1000, 540, "The regions that are computed around two holes")
    drawing.rectangle(20, 20, width * unit, height * unit, fill="#eef3f8")
    for box in hole_boxes(holes).numpy():
        seen = _input_region(network, Region(box[:2], box[2:]))
        _region(drawing, seen.begin.numpy(), seen.end.numpy(), unit, fill="#f2b562", dash="6 4")
    for top, left, bottom, right in EXAMPLE_HOLES:
        _region(drawing, (top, left), (bottom, right), unit, fill=INK, opacity=1.0)
    for box in hole_boxes(holes).numpy():
        _region(drawing, box[:2], box[2:], unit, fill="none", opacity=1.0)
    legend = (
        ((INK, 1.0, ""), "hole"),
        ((PAPER, 1.0, ""), "box around it: predicted"),
        (("#f2b562", 0.45, "3 2"), "input of the coarse network for that box"),
        (("#eef3f8", 1.0, ""), "image: input of the encoder before the attention, in strips"),
    )
    x = 20
    for (color, opacity, dash), words in legend:
        drawing.rectangle(x, 514, 14, 14, fill=color, opacity=opacity, dash=dash)
        drawing.text(x + 20, 526, words, anchor="start")
        x += 48 + 6 * len(words)
    return str(drawing)


def _input_region(network: CoarseNetwork, region: Region) -> Region:
    """The region of the image that a region of the network's output depends on."""
    size = EXAMPLE_SIZE
    for spec in reversed(CONVS):
        layer = getattr(network, spec.name)
        size = layer.input_size(size)
        region = layer.input_region(region).intersection(Region.whole(size))
    return region


def _region(drawing: Drawing, begin, end, unit: float, *, fill: str, opacity=0.45, dash="") -> None:
    (top, left), (bottom, right) = ([int(n) for n in corner] for corner in (begin, end))
    drawing.rectangle(
        20 + left * unit,
        20 + top * unit,
        (right - left) * unit,
        (bottom - top) * unit,
        fill=fill,
        opacity=opacity,
        dash=dash,
    )


DRAWINGS = {"architecture.svg": draw_architecture, "regions.svg": draw_regions}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, draw in DRAWINGS.items():
        (folder / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
