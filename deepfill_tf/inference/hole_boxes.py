"""Boxes around the holes of a mask: the regions that a completion is computed in.

Operations of TensorFlow, so that they are a part of the program in a SavedModel; `boxes_of_holes`
finds the same boxes without TensorFlow.
"""

import tensorflow as tf

from deepfill_tf.inference.hole_crops import CELL, COST_MARGIN


def hole_boxes(holes: tf.Tensor) -> tf.Tensor:
    """Returns boxes that cover all holes, int32 `[K, 4]`; K is 0 if there is no hole.

    A box is its first row and column, and the row and column after its last ones. Distant
    holes get separate boxes if their estimated cost is below that of one box around all.

    Args:
      holes: bool `[H, W]`.
    """
    height, width = tf.unstack(tf.shape(holes))
    rows, columns = tf.range(height)[None, :, None, None], tf.range(width)[None, None, :, None]
    inside = tf.cast(holes, tf.float32)[None, :, :, None]

    def cell_max(values):
        """Returns the greatest value inside the hole for each cell, or 0; `[1, h, w, 1]`."""
        values = tf.cast(values, tf.float32) * inside
        return tf.nn.max_pool2d(values, CELL, CELL, "SAME")

    # Minima are computed as maxima of distances from the far border: the first row and column
    # from the bottom and the right. All are counted from 1, so that 0 is no hole.
    extents = [
        cell_max(height - rows),
        cell_max(width - columns),
        cell_max(rows + 1),
        cell_max(columns + 1),
    ]
    labels = tf.reshape(_connected(extents[0] > 0), [-1])
    extents = tf.stack([tf.reshape(extent, [-1]) for extent in extents], axis=-1)
    occupied = tf.where(labels > 0)[:, 0]
    labels, extents = tf.gather(labels, occupied), tf.gather(extents, occupied)

    _, label = tf.unique(labels)
    count = tf.reduce_max(tf.concat([label, [-1]], axis=0)) + 1
    apart = _boxes(tf.math.unsorted_segment_max(extents, label, count), height, width)
    together = _boxes(
        tf.math.unsorted_segment_max(extents, tf.zeros_like(label), tf.minimum(count, 1)),
        height,
        width,
    )
    return tf.cond(_cost(apart) < _cost(together), lambda: apart, lambda: together)


def _connected(occupied: tf.Tensor) -> tf.Tensor:
    """Labels connected cells of bool `[1, h, w, 1]` by a positive int32 each; 0 elsewhere."""
    shape = tf.shape(occupied)
    inside = tf.cast(occupied, tf.float32)
    first = tf.reshape(tf.range(1, tf.size(occupied) + 1), shape)

    def spread(labels, _):
        wider = tf.nn.max_pool2d(labels, 3, 1, "SAME") * inside
        return wider, tf.reduce_any(wider > labels)

    labels = tf.cast(first, tf.float32) * inside
    labels, _ = tf.while_loop(lambda _, changed: changed, spread, [labels, tf.constant(True)])
    return tf.cast(labels, tf.int32)


def _boxes(extents: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Converts extents, counted as in `hole_boxes`, to boxes."""
    extents = tf.cast(extents, tf.int32)
    return tf.concat([[height, width] - extents[:, :2], extents[:, 2:]], axis=-1)


def _cost(boxes: tf.Tensor) -> tf.Tensor:
    """Returns the estimated cost of completing the boxes, in pixels."""
    sides = tf.cast(boxes[:, 2:] - boxes[:, :2] + 2 * COST_MARGIN, tf.float32)
    return tf.reduce_sum(tf.reduce_prod(sides, axis=-1))
