#!/usr/bin/env python3
"""Draws docs/guided.png: photographs of the package, each with a hole and two sketches.

    python tools/draw_guided_example.py runs/guided docs/guided.png

The run is that of quickstart_guided.gin, after training its coarse network alone as the header of
that file describes.
"""

import sys
from pathlib import Path

from deepfill_tf.allocator import keep_freed_memory

keep_freed_memory()

import cv2
import numpy as np

import deepfill_tf
from deepfill_tf import Inpainter
from deepfill_tf.data import read_pixels, resize_image, write_image

SIZE, UPSCALE = 64, 3
# Photograph, hole (top, bottom, left, right), and the points of two lines (column, row).
EXAMPLES = (
    ("mont_st_michel", (10, 36, 20, 52), [[(20, 34), (34, 14), (52, 34)], [(20, 33), (52, 33)]]),
    ("red_pyramid", (12, 42, 33, 58), [[(33, 24), (57, 41)], [(33, 22), (48, 20), (57, 40)]]),
)


def row(inpainter: Inpainter, name: str, box: tuple, lines: list) -> np.ndarray:
    """One example: original | masked, sketch | completed | masked, other sketch | completed."""
    photographs = Path(deepfill_tf.__file__).parent / "photographs" / "train"
    image = resize_image(read_pixels(str(photographs / f"{name}.jpg")), SIZE, SIZE)
    top, bottom, left, right = box
    mask = np.zeros([SIZE, SIZE], np.uint8)
    mask[top:bottom, left:right] = 255
    panels = [image]
    for points in lines:
        sketch = cv2.polylines(np.zeros_like(mask), [np.array(points)], False, 255)
        masked = np.where(mask[..., None] > 0, 255, image).astype(np.uint8)
        masked[(sketch > 0) & (mask > 0)] = 0
        panels += [masked, inpainter(image, mask, sketch)]
    strip = np.concatenate(panels, axis=1)
    return strip.repeat(UPSCALE, axis=0).repeat(UPSCALE, axis=1)


def main() -> None:
    model, output = sys.argv[1:]
    inpainter = Inpainter.load(model)
    write_image(output, np.concatenate([row(inpainter, *example) for example in EXAMPLES]))


if __name__ == "__main__":
    main()
