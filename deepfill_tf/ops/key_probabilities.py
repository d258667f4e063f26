"""Parts of the softmax over keys: biases for keys with a hole, and the most probable key."""

import tensorflow as tf

from deepfill_tf.ops.attention import AttentionOptions, valid_patches
from deepfill_tf.ops.diagonals import pitch_of
from deepfill_tf.ops.shapes import known_size

# Added to a score, this makes its probability exactly 0.
_MASKED_LOGIT = -1e30


def logit_biases(masks: tf.Tensor | None, key_size: tuple, options: AttentionOptions) -> tf.Tensor:
    """Returns 0 for keys without a hole, else `_MASKED_LOGIT`: `[N or 1, 1, pitch of the logits]`.

    A key whose patch touches a hole has score 0 in the softmax and its probability is dropped
    afterwards. One more logit stands for all such keys: 0 plus the logarithm of their number.

    Args:
      masks: see `contextual_attention`.
      key_size: height and width of the downsampled background.
      options: see `AttentionOptions`.
    """
    height, width = key_size
    count = height * width
    if options.fuse_size == 3:
        # Column of the additional logit. Step 4 of `ops.patch_scores` sums three columns there,
        # place to place + 2 * width: all behind the keys and their row below, hence zeros;
        # the pitch has them all.
        place = count + 2 * width
        pitch = pitch_of(count + 4 * width + 2)
    else:
        # Step 2 leaves zeros behind the keys. The pitch is that of the scores.
        place = count
        pitch = pitch_of(count + width + 3)
    valid = valid_patches(masks, options)
    valid = tf.ones([1, 1, count]) if valid is None else tf.reshape(valid, [-1, 1, count])
    dropped = tf.reduce_sum(1 - valid, axis=-1, keepdims=True)
    together = tf.maximum(tf.math.log(dropped), _MASKED_LOGIT)
    shape = [known_size(valid, 0), 1]
    between, after = (
        tf.fill([*shape, n], _MASKED_LOGIT) for n in (place - count, pitch - place - 1)
    )
    return tf.concat([(1 - valid) * _MASKED_LOGIT, between, together, after], axis=-1)


def argmax_2d(probabilities: tf.Tensor) -> tf.Tensor:
    """Row and column of the first maximum: `[N, n, m, H, W]` -> int32 `[N, n, m, 2]`."""
    rows = tf.argmax(tf.reduce_max(probabilities, axis=-1), axis=-1, output_type=tf.int32)
    in_row = tf.gather(probabilities, rows, axis=3, batch_dims=3)
    return tf.stack([rows, tf.argmax(in_row, axis=-1, output_type=tf.int32)], axis=-1)
