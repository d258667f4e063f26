"""Where the holes of a mask are: the regions that a completion is computed in."""

import tensorflow as tf

# Pixels. Holes in cells of this size that touch are one.
CELL = 64
# Pixels. What the networks look at around a region costs about as much as this margin.
MARGIN = 80


def hole_boxes(holes: tf.Tensor) -> tf.Tensor:
    """Boxes that cover the hole of bool `[H, W]`, int32 `[K, 4]`.

    Each is its first row and column, and the row and column after its last ones. Holes far
    apart get boxes of their own where that is less work than one box around all; without
    a hole there is no box.
    """
    height, width = tf.unstack(tf.shape(holes))
    rows, columns = tf.range(height)[None, :, None, None], tf.range(width)[None, None, :, None]
    inside = tf.cast(holes, tf.float32)[None, :, :, None]

    def greatest(values):
        """The greatest value in the hole in each cell, at least 0; `[1, h, w, 1]`."""
        values = tf.cast(values, tf.float32) * inside
        return tf.nn.max_pool2d(values, CELL, CELL, "SAME")

    # Everything counts from 1 on, so that 0 is nothing; the first ones from the other end.
    extents = [
        greatest(height - rows),
        greatest(width - columns),
        greatest(rows + 1),
        greatest(columns + 1),
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
    """The same positive number in all cells that touch, 0 elsewhere: `[1, h, w, 1]` -> int32."""
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
    """Boxes from how far they reach, seen from the far end of the image and the near one."""
    extents = tf.cast(extents, tf.int32)
    return tf.concat([[height, width] - extents[:, :2], extents[:, 2:]], axis=-1)


def _cost(boxes: tf.Tensor) -> tf.Tensor:
    """Of completing the boxes, in pixels."""
    sides = tf.cast(boxes[:, 2:] - boxes[:, :2] + 2 * MARGIN, tf.float32)
    return tf.reduce_sum(tf.reduce_prod(sides, axis=-1))
