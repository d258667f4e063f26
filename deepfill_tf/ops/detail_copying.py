"""Details of known pixels, copied into completed holes from patches that fit.

A network of few channels predicts colours and shapes, but draws little texture; the image has it.
For overlapping patches of the hole the most similar patch of known pixels nearby is searched
(exemplars, as Criminisi et al., "Object Removal by Exemplar-Based Inpainting", CVPR 2003). Of it
only the details are copied, what a blur takes away, so that the colours remain the network's (as
the residuals of Yi et al., "Contextual Residual Aggregation for Ultra High-Resolution Image
Inpainting", CVPR 2020).

Patches of 16 x 16 pixels lie 8 pixels apart: patch p of an axis has the pixels [8 p - 8, 8 p + 8),
and a cell of 8 pixels is covered by two patches. Blocks of 8 x 8 patches search a window together:

    pixels   -8   0    8   16   24   32   40   48   56   64   72
    cells          | 0  | 1  | 2  | 3  | 4  | 5  | 6  | 7  | 8
    patch 0   -----------
    patch 1        -----------
    patch 7                                       -----------
    block 0   ---------------------------------------------      window [-100, 156)
    block 1                                            ------    window [-36, 220)

A patch of the window is compared at every second pixel: where the hole's patch has known pixels,
pixel by pixel; where it is predicted, after a blur of both, with a lower weight, because a
prediction lacks details, and compared as it is would prefer patches that have none.
"""

import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.control_flow import unrolls_loops
from deepfill_tf.ops.gaussian_blur import gaussian_blur, gaussian_radius
from deepfill_tf.ops.key_probabilities import argmax_2d
from deepfill_tf.ops.regions import Region
from deepfill_tf.ops.shapes import height_and_width, known_size

# Pixels of a cell, twice as many of a patch; patches of a block, and pixels of its window.
_CELL, _BLOCK, _WINDOW = 8, 8, 256
# Pixels between the block's first patch and the beginning of its window, on each side.
_BEFORE = (_WINDOW - (_BLOCK + 1) * _CELL) // 2
# Pixels between patches of the window, and between the known pixels that are compared.
_STEP = 2
# Pixels between the predicted pixels that are compared, after a blur.
_BLURRED_STEP = 4
# Weight of a predicted pixel that is compared: 0.03 times that of the known pixels it stands for.
_PREDICTED_WEIGHT = 0.03 * (_BLURRED_STEP / _STEP) ** 2
# Standard deviation of the blur that takes details away, in pixels.
_DEVIATION = 4.0
# Added to the difference to a patch that is not all known; more than any difference.
_UNKNOWN = 1e6
# The prediction's own details are reduced by this, times the weight of the copied ones.
_REDUCTION = 0.75


def copy_details(completed: tf.Tensor, masks: tf.Tensor, weight: float) -> tf.Tensor:
    """Adds details of known patches to completed holes.

    Details are weaker where known pixels are near. For a patch of the hole without a known patch in
    its window, deep inside a hole of 300 pixels or more, there are none: the prediction's own
    details are reduced there all the same. A patch counts as known if every second pixel of every
    second row is.

    Args:
      completed: float32 `[N, H, W, C]` in [-1, 1], predicted in the hole; H and W are multiples
        of 8.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1, 1 in the hole.
      weight: of the details, in [0, 1].

    Returns float32 `[N, H, W, C]`, clipped to [-1, 1]; where the mask is 0, `completed`.

    Example:
      >>> pixels = np.random.default_rng(0).uniform(-1, 1, [1, 64, 64, 3]).astype(np.float32)
      >>> masks = np.zeros([1, 64, 64, 1], np.float32)
      >>> masks[:, 24:40, 24:40] = 1
      >>> with_details = copy_details(tf.constant(pixels * (1 - masks)), tf.constant(masks), 1.0)
      >>> inside = with_details[:, 24:40, 24:40]
      >>> bool(tf.math.reduce_std(inside) > 0.2)
      True
    """
    masks += tf.zeros_like(completed[..., :1])
    known, ones = 1 - masks, tf.ones_like(masks)
    sums = gaussian_blur(tf.concat([completed * known, known, completed, ones], -1), _DEVIATION)
    known_sums, known_shares, means, shares = tf.split(sums, [completed.shape[-1], 1] * 2, axis=-1)
    known_means = known_sums / tf.maximum(known_shares, 1e-6)
    means /= shares

    displacements = _displacements(completed, known, known_means, means)
    copied = _pasted((completed - known_means) * known, displacements)
    difference = weight * copied - _REDUCTION * weight * (completed - means)
    inside = 1 - known_shares / shares
    return tf.clip_by_value(completed + difference * inside * masks, -1, 1)


def details_region(region: Region) -> Region:
    """The region that a region of `copy_details` depends on; it may extend beyond the image.

    Its first row and column are multiples of the pixels between blocks, so that a crop that
    begins there has the same blocks; its size is a multiple of 8.

    Example:
      >>> seen = details_region(Region(tf.constant([70, 128]), tf.constant([100, 130])))
      >>> seen.begin.numpy().tolist(), seen.end.numpy().tolist()
      ([-64, 0], [288, 320])
    """
    pitch, radius = _BLOCK * _CELL, gaussian_radius(_DEVIATION)
    before = -(-(_BEFORE + _CELL + radius) // pitch) * pitch
    after = _WINDOW - _BEFORE + radius + _CELL
    end = -(-(region.end + after) // _CELL) * _CELL
    return Region(region.begin // pitch * pitch - before, end)


def searched_blocks(begin: int, end: int) -> int:
    """Blocks, along an axis, that are searched for a hole of the pixels from `begin` to `end`.

    Example:
      >>> searched_blocks(0, 40), searched_blocks(50, 60), searched_blocks(0, 256)
      (1, 2, 5)
    """
    first, last = begin // _CELL, (end - 1) // _CELL + 1
    return last // _BLOCK - first // _BLOCK + 1


def search_operations(channels: int) -> tuple[int, int]:
    """Multiplications of a search of a block, and numbers that it computes with them.

    Example:
      >>> products, differences = search_operations(channels=3)
      >>> products // differences
      160
    """
    places = ((_WINDOW - 2 * _CELL) // _STEP + 1) ** 2
    # Colours and the sum of their squares, at each pixel that is compared.
    taps = (channels + 1) * sum((2 * _CELL // step) ** 2 for step in (_STEP, _BLURRED_STEP))
    return places * _BLOCK**2 * taps, 2 * places * _BLOCK**2


def _displacements(
    completed: tf.Tensor, known: tf.Tensor, known_means: tf.Tensor, means: tf.Tensor
) -> tf.Tensor:
    """Rows and columns from each patch to the known one that fits: int32 `[N, n, m, 2]`.

    Zeros where there is none, and for patches without a hole.
    """
    batch, height, width = (known_size(completed, axis) for axis in range(3))
    rows, columns = (1 + size // (_CELL * _BLOCK) for size in (height, width))
    # A window begins `_BEFORE` pixels before the block, and that one cell before its first pixel.
    before = _BEFORE + _CELL
    paddings = [[0, 0], [before, _WINDOW - before], [before, _WINDOW - before], [0, 0]]
    # Outside the image nothing is known, and nothing is predicted.
    maps = tf.pad(tf.concat([completed, known, known_means, means, 1 - known], -1), paddings)

    def search(image, row, column):
        begin = tf.stack([image, row * _BLOCK * _CELL, column * _BLOCK * _CELL, 0])
        window = tf.slice(maps, begin, [1, _WINDOW, _WINDOW, maps.shape[-1]])
        return _displacements_in_window(window, completed.shape[-1])

    if unrolls_loops():
        blocks = itertools.product(range(batch), range(rows), range(columns))
        found = tf.concat(list(itertools.starmap(search, blocks)), axis=0)
    else:
        has_hole = _blocks_with_holes(1 - known, rows, columns)
        found = _searched_in_loop(search, has_hole, rows, columns)
    found = tf.reshape(found, [batch, rows, columns, _BLOCK, _BLOCK, 2])
    # As floats, because TensorFlow prints an error if integers are transposed eagerly.
    found = tf.transpose(tf.cast(found, tf.float32), [0, 1, 3, 2, 4, 5])
    found = tf.reshape(found, [batch, rows * _BLOCK, columns * _BLOCK, 2])
    return tf.cast(found[:, : height // _CELL + 1, : width // _CELL + 1], tf.int32)


def _searched_in_loop(search: Callable, has_hole: tf.Tensor, rows, columns) -> tf.Tensor:
    """Searches one by one the blocks that have a hole; zeros for the others."""
    count = known_size(has_hole, 0)
    _, with_holes_first = tf.math.top_k(has_hole, count)

    def search_next(done, found):
        block = with_holes_first[done]
        of_block = search(block // (rows * columns), block // columns % rows, block % columns)
        return done + 1, tf.tensor_scatter_nd_update(found, [[block]], of_block)

    _, found = tf.while_loop(
        lambda done, _: done < tf.reduce_sum(has_hole),
        search_next,
        [0, tf.zeros([count, _BLOCK, _BLOCK, 2], tf.int32)],
        parallel_iterations=1,
    )
    return found


def _blocks_with_holes(masks: tf.Tensor, rows, columns) -> tf.Tensor:
    """1 for blocks that have a patch with a hole, row by row, image by image: int32 `[K]`."""
    cells = tf.nn.max_pool2d(masks, _CELL, _CELL, "VALID")
    height, width = height_and_width(cells)
    below, right = _BLOCK * rows - height, _BLOCK * columns - width
    # Patch p has the cells p - 1 and p; a block's patches those from its first cell's neighbour on.
    cells = tf.pad(cells, [[0, 0], [1, below], [1, right], [0, 0]])
    pooled = tf.nn.max_pool2d(cells, _BLOCK + 1, _BLOCK, "VALID")
    return tf.cast(tf.reshape(pooled, [-1]), tf.int32)


def _displacements_in_window(window: tf.Tensor, channels: int) -> tf.Tensor:
    """Searches a window for the patches of its block: int32 `[1, _BLOCK, _BLOCK, 2]`.

    The window is `[1, _WINDOW, _WINDOW, 3 C + 2]`: completed and known pixels, the means of the
    known ones and of the completed ones, and the hole.
    """
    sizes = [channels, 1, channels, channels, 1]
    completed, known, known_means, means, holes = tf.split(window[:, ::_STEP, ::_STEP], sizes, -1)
    begin, end = _BEFORE // _STEP, (_BEFORE + (_BLOCK + 1) * _CELL) // _STEP
    queries = tf.concat([completed * known, known, means * holes, holes], axis=-1)
    queries = tf.split(
        _filters(queries[0, begin:end, begin:end]), [channels, 1, channels, 1], axis=2
    )
    # Each sum of weighted squared differences, but for what is the same for all patches.
    differences = _products(completed, queries[1], -2 * queries[0])
    skipped = _BLURRED_STEP // _STEP
    queries = [each[1::skipped, 1::skipped] * _PREDICTED_WEIGHT for each in queries[2:]]
    blurred = known_means[:, 1:, 1:]
    differences += _products(blurred, queries[1], -2 * queries[0], dilations=skipped)

    side = 2 * _CELL // _STEP
    unknown = 1 - tf.nn.conv2d(known, tf.ones([side, side, 1, 1]) / side**2, 1, "VALID")
    differences += _UNKNOWN * tf.cast(unknown > 1e-3, tf.float32)

    places = differences.shape[1]
    differences = tf.transpose(differences, [0, 3, 1, 2])
    differences = tf.reshape(differences, [1, _BLOCK, _BLOCK, places, places])
    positions = np.stack(np.meshgrid(*[np.arange(_BLOCK) * _CELL] * 2, indexing="ij"), axis=-1)
    displacements = argmax_2d(-differences) * _STEP - (_BEFORE + positions)[None]
    found = tf.reduce_min(differences, axis=[3, 4]) < _UNKNOWN / 2
    return displacements * tf.cast(found, tf.int32)[..., None]


def _filters(maps: tf.Tensor) -> tf.Tensor:
    """The patches of a block `[n, n, C]`, as filters `[side, side, C, _BLOCK * _BLOCK]`."""
    cell, cells, channels = _CELL // _STEP, _BLOCK + 1, maps.shape[-1]
    maps = tf.reshape(maps, [cells, cell, cells, cell, channels])
    maps = tf.concat([maps[:-1], maps[1:]], axis=1)
    maps = tf.concat([maps[:, :, :-1], maps[:, :, 1:]], axis=3)
    maps = tf.transpose(maps, [1, 3, 4, 0, 2])
    return tf.reshape(maps, [2 * cell, 2 * cell, channels, _BLOCK**2])


def _products(
    maps: tf.Tensor, weights: tf.Tensor, filters: tf.Tensor, dilations: int = 1
) -> tf.Tensor:
    """Sums of weights times squared maps, plus filters times maps, at each place."""
    squares = tf.reduce_sum(tf.square(maps), axis=-1, keepdims=True)
    maps, filters = tf.concat([squares, maps], axis=-1), tf.concat([weights, filters], axis=2)
    return tf.nn.conv2d(maps, filters, 1, "VALID", dilations=dilations)


def _pasted(details: tf.Tensor, displacements: tf.Tensor) -> tf.Tensor:
    """Copies patches along their displacements; windows that add up to 1 weight them."""
    batch, height, width = (known_size(details, axis) for axis in range(3))
    rows, columns = height // _CELL, width // _CELL
    line = np.sin(np.pi * (np.arange(2 * _CELL) + 0.5) / (2 * _CELL)).astype(np.float32) ** 2
    # A cell has the second half of the patch that begins before it, and the first of the next.
    halves = line[_CELL:], line[:_CELL]
    image, row, column = tf.meshgrid(*map(tf.range, (batch, height, width)), indexing="ij")
    copied = tf.zeros_like(details)
    for down, right in itertools.product((0, 1), repeat=2):
        of_cells = displacements[:, down : down + rows, right : right + columns]
        of_pixels = tf.repeat(tf.repeat(of_cells, _CELL, axis=1), _CELL, axis=2)
        places = tf.stack([image, row + of_pixels[..., 0], column + of_pixels[..., 1]], axis=-1)
        weights = tf.tile(halves[down], [rows])[:, None] * tf.tile(halves[right], [columns])
        copied += tf.gather_nd(details, places) * weights[..., None]
    return copied
