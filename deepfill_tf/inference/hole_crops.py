"""Completion of a large image in crops around its holes, by any program that completes images.

    session = onnxruntime.InferenceSession("model.onnx")

    def complete(*arrays):
        inputs = dict(zip(["image", "mask", "sketch"], (array[None] for array in arrays)))
        return session.run(["completed"], inputs)[0][0]

    completed = complete_in_crops(complete, image, mask, margin=256)

Each hole is completed in a crop of the image around it, as if that were the image: time and memory
are those of the crops. Holes that are near to each other share a crop. Only NumPy and OpenCV are
needed.
"""

from collections.abc import Callable

import cv2
import numpy as np

# Pixels. Holes are grouped on a grid of cells of this size; holes in touching cells share a box.
CELL = 64
# Pixels added on each side of a box when its cost is estimated (receptive field).
COST_MARGIN = 80
# Smallest height and width of an image.
MIN_SIDE = 16


def complete_in_crops(
    complete: Callable[..., np.ndarray], image: np.ndarray, *marks: np.ndarray, margin: int = 256
) -> np.ndarray:
    """Returns the completed image, of the type and shape of `image`; known pixels stay.

    Args:
      complete: called with a crop of the image and of each of the marks; returns the completed
        crop, of the image's type.
      image: `[H, W, C]`, of the type that `complete` takes; H and W from 16 on.
      marks: the mask, uint8 `[H, W, 1]`, above 127 is the hole; for guided models then the
        sketch, like it.
      margin: pixels around a hole that belong to its crop.

    Example:
      >>> image, mask = np.zeros([900, 1200, 3], np.uint8), np.zeros([900, 1200, 1], np.uint8)
      >>> mask[100:140, 300:320] = 255
      >>> def complete(image, mask):
      ...     print(image.shape)
      ...     return np.full_like(image, 7)
      >>> completed = complete_in_crops(complete, image, mask, margin=64)
      (168, 148, 3)
      >>> int((completed == 7).all(axis=2).sum()) == 40 * 20
      True
    """
    completed = image.copy()
    boxes = boxes_of_holes(marks[0][:, :, 0] > 127)
    for box, crop in zip(boxes, crops_around(boxes, image.shape[:2], margin), strict=True):
        part = complete(*(cropped(array, crop) for array in (image, *marks)))
        inside = cropped(part, box - np.tile(crop[:2], 2))
        np.copyto(cropped(completed, box), inside, where=cropped(marks[0], box) > 127)
    return completed


def boxes_of_holes(holes: np.ndarray) -> np.ndarray:
    """Returns boxes that cover all holes of bool `[H, W]`, int `[K, 4]`; K is 0 if there is none.

    A box is its first row and column, and the row and column after its last ones. Distant holes
    get separate boxes if their estimated cost is below that of one box around all.
    """
    rows, columns = np.nonzero(holes)
    if not rows.size:
        return np.zeros([0, 4], int)
    cells = np.zeros([-(-side // CELL) for side in holes.shape], np.uint8)
    cells[rows // CELL, columns // CELL] = 1
    count, labels = cv2.connectedComponents(cells, connectivity=8)
    # Label 0 is that of the cells without a hole.
    label = labels[rows // CELL, columns // CELL].astype(int) - 1
    apart = np.tile([*holes.shape, 0, 0], (count - 1, 1))
    for column, position in enumerate((rows, columns)):
        np.minimum.at(apart[:, column], label, position)
        np.maximum.at(apart[:, column + 2], label, position + 1)
    together = np.concatenate([apart[:, :2].min(axis=0), apart[:, 2:].max(axis=0)])[None]
    return apart if _cost(apart) < _cost(together) else together


def crops_around(boxes: np.ndarray, size: tuple[int, ...], margin: int) -> np.ndarray:
    """Returns a crop of an image of `size` around each of the boxes `[K, 4]`, int `[K, 4]`."""
    crops = np.clip(boxes + np.array([-1, -1, 1, 1]) * margin, 0, np.tile(size, 2))
    for axis in (0, 1):
        short = np.maximum(MIN_SIDE - (crops[:, axis + 2] - crops[:, axis]), 0)
        crops[:, axis] = np.maximum(crops[:, axis] - short, 0)
        crops[:, axis + 2] = np.maximum(crops[:, axis + 2], crops[:, axis] + MIN_SIDE)
    return crops


def cropped(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Returns a view of the part of an image `[H, W, C]` in a box."""
    return image[box[0] : box[2], box[1] : box[3]]


def _cost(boxes: np.ndarray) -> int:
    """Returns the estimated cost of completing the boxes, in pixels."""
    return int(np.prod(boxes[:, 2:] - boxes[:, :2] + 2 * COST_MARGIN, axis=1).sum())
