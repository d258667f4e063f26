"""Slices whose gradients are fast on CPUs."""

import tensorflow as tf

from deepfill_tf.ops.shapes import known_size


def slice_axes(array: tf.Tensor, ranges: dict[int, tuple]) -> tf.Tensor:
    """The elements of `array` from a begin to an end along some axes.

    The gradient is a padding, which TensorFlow computes in all threads; that of `array[begin:end]`
    (StridedSliceGrad) takes one.

    Args:
      array: of any shape.
      ranges: by axis, begin and end, 0 <= begin <= end <= size, integers or int32 scalars; an end
        of None is the size.

    Example:
      >>> slice_axes(tf.constant([[1, 2, 3], [4, 5, 6]]), {1: (1, None)}).numpy().tolist()
      [[2, 3], [5, 6]]
    """
    # Sizes are explicit, because tf2onnx misreads -1.
    begins, sizes = [0] * array.shape.rank, [known_size(array, i) for i in range(array.shape.rank)]
    for axis, (begin, end) in ranges.items():
        begins[axis], sizes[axis] = begin, (sizes[axis] if end is None else end) - begin
    return tf.slice(array, begins, sizes)
