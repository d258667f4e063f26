"""Distance transform of masks."""

import tensorflow as tf

# Distance in an image without a known pixel.
NOTHING_KNOWN = 1e5


def distance_to_known(masks: tf.Tensor) -> tf.Tensor:
    """Euclidean distance in pixels from each pixel to the nearest known one.

    `masks` are `[N, H, W, 1]` of any dtype, 0 where known, anything else in the hole.
    Returns float32 `[N, H, W, 1]`: 0 where known, exact up to the rounding of the root, and
    `NOTHING_KNOWN` throughout an image without a known pixel. No gradient.

    The squared distance is separable: first min over i' of (i - i')^2 along columns, then
    min over j' of that plus (j - j')^2 along rows.

    Example:
      >>> masks = tf.constant([0.0, 1.0, 1.0, 1.0, 0.0])[None, None, :, None]
      >>> distance_to_known(masks)[0, 0, :, 0].numpy().tolist()
      [0.0, 1.0, 2.0, 1.0, 0.0]
    """
    holes = tf.cast(tf.cast(masks[..., 0], tf.bool), tf.float32)
    squares = _nearest_squares(holes * NOTHING_KNOWN**2)
    squares = _nearest_squares(tf.transpose(squares, [0, 2, 1]))
    return tf.sqrt(tf.transpose(squares, [0, 2, 1]))[..., None]


def _nearest_squares(squares: tf.Tensor) -> tf.Tensor:
    """min over i' of squares[n, i', j] + (i - i')^2, `[N, H, W]`.

    With D_k the minimum over |i - i'| <= k: D_(k + 1)[i] is the least of D_k[i] and
    D_k[i ± 1] + 2 k + 1. Nothing changes once (k + 1)^2 reaches the largest entry.
    """

    def may_change(step, squares):
        farther = tf.cast(step + 1, tf.float32) ** 2
        return (step + 1 < tf.shape(squares)[1]) & (farther < tf.reduce_max(squares))

    def widen(step, squares):
        padded = tf.pad(squares, [[0, 0], [1, 1], [0, 0]], constant_values=NOTHING_KNOWN**2)
        beside = tf.minimum(padded[:, :-2], padded[:, 2:])
        wider = tf.minimum(squares, beside + tf.cast(2 * step + 1, tf.float32))
        return step + 1, tf.ensure_shape(wider, squares.shape)

    _, squares = tf.while_loop(may_change, widen, [tf.constant(0), squares])
    return squares
