"""Spectral normalisation of a kernel (the second paper's discriminator)."""

import tensorflow as tf


def spectral_normalize(
    kernel: tf.Tensor, u: tf.Tensor, iterations: int = 1
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A kernel divided by an estimate of its largest singular value.

    The estimate is made by `iterations` steps of the power iteration for the kernel
    `[..., out]` as a matrix M of `out` columns, from the row vector `u` of shape `[1, out]`:

        v = n(u Mt)   u = n(v M)   with n(a) = a / (|a| + 1e-12)

    and sigma = v M ut. Gradients flow through sigma, v and the new u; the given `u` is
    a constant. (The released program's backward pass reads the new u in its place;
    `tests/references/layers.npz` has the numbers of both.)

    Returns the normalised kernel, sigma `[]` and the new u `[1, out]`.

    Example:
      >>> kernel = tf.constant([[3.0, 0.0], [0.0, 4.0]])
      >>> normalized, sigma, u = spectral_normalize(kernel, tf.constant([[0.0, 1.0]]))
      >>> round(float(sigma), 4), tuple(normalized.shape)
      (4.0, (2, 2))
    """
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    for _ in range(iterations):
        v = _unit(tf.matmul(u, matrix, transpose_b=True))
        product = tf.matmul(v, matrix)
        u = _unit(product)
    sigma = tf.reduce_sum(product * u)
    # The gradient of a division would read the kernel more often.
    return kernel * (1 / sigma), sigma, u


def _unit(vector: tf.Tensor) -> tf.Tensor:
    return vector / (tf.norm(vector) + 1e-12)
