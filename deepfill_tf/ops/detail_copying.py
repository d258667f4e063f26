"""Details of known pixels, copied into completed holes from patches that fit.

A network of few channels predicts colours and shapes, but draws little texture; the image has it.
For overlapping patches of the hole the most similar patch of known pixels nearby is searched
(exemplars, as Criminisi et al., "Object Removal by Exemplar-Based Inpainting", CVPR 2003). Of it
only the details are copied, what a blur takes away, so that the colours remain the network's (as
the residuals of Yi et al., "Contextual Residual Aggregation for Ultra High-Resolution Image
Inpainting", CVPR 2020).

Three searches copy patches of 8 x 8, 16 x 16 and 32 x 32 pixels: small ones fit more exactly where
much is known, as in strokes and along borders, and large ones have more of a texture's order, which
counts deep in a hole. Weights that depend on the known pixels nearby blend them. The blur is
wider for larger patches: it leaves more to copy, but sees more known pixels, near which details are
weaker.

Patches lie a cell apart, half of their side: patch p of an axis has the pixels
[cell * (p - 1), cell * (p + 1)), and a cell is covered by two patches. Blocks of patches search a
window together; with cells of 8 pixels and blocks of 8 x 8 patches:

    pixels   -8   0    8   16   24   32   40   48   56   64   72
    cells          | 0  | 1  | 2  | 3  | 4  | 5  | 6  | 7  | 8
    patch 0   -----------
    patch 1        -----------
    patch 7                                       -----------
    block 0   ---------------------------------------------      window [-100, 156)
    block 1                                            ------    window [-36, 220)

Patches are compared where the hole's patch has known pixels, pixel by pixel; where it is predicted,
after a blur of both, with a lower weight, because a prediction lacks details, and compared as it is
would prefer patches that have none.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.control_flow import unrolls_loops
from deepfill_tf.ops.gaussian_blur import gaussian_blur, gaussian_radius
from deepfill_tf.ops.key_probabilities import argmax_2d
from deepfill_tf.ops.regions import Region
from deepfill_tf.ops.shapes import height_and_width, known_size


@dataclass(frozen=True)
class _Search:
    """Which patches are compared.

    Args:
      cell: pixels between patches, half of a patch's side.
      block: patches of a block, along an axis.
      window: pixels of its window, along an axis.
      deviation: standard deviation of the blur that takes details away, in pixels.
      depth: pixels from the border of a box that is a hole, along both axes, behind which none of
        these patches is copied; None if they are copied at any depth.
    """

    cell: int
    block: int
    window: int
    deviation: float
    depth: int | None

    @property
    def step(self) -> int:
        """Pixels between patches of the window, and between the known pixels that are compared."""
        return 2 * self.cell // _SIDE

    @property
    def pitch(self) -> int:
        """Pixels from block to block."""
        return self.block * self.cell

    @property
    def before(self) -> int:
        """Pixels from the beginning of a window to its block's first patch, and after its last."""
        return (self.window - self.pitch - self.cell) // 2

    @property
    def places(self) -> int:
        """Patches of a window, along an axis."""
        return (self.window - 2 * self.cell) // self.step + 1

    def patches(self, size: int | tf.Tensor) -> int | tf.Tensor:
        """Patches that cover so many pixels of an axis."""
        # Not -(-size // cell): integer division of ONNX rounds towards zero.
        return (size + self.cell - 1) // self.cell + 1

    def blocks(self, size: int | tf.Tensor) -> int | tf.Tensor:
        """Blocks that have these patches."""
        return (self.patches(size) + self.block - 1) // self.block


# Known pixels of a patch that are compared, along an axis.
_SIDE = 8
# Predicted pixels are compared at every second of these places, after a blur; each counts 0.03 for
# each of the four that it stands for.
_SKIPPED, _PREDICTED_WEIGHT = 2, 4 * 0.03
# Of small, middle and large patches.
_SEARCHES = (
    _Search(cell=4, block=8, window=128, deviation=2.5, depth=13),
    _Search(cell=8, block=8, window=256, deviation=4.0, depth=24),
    _Search(cell=16, block=4, window=320, deviation=5.0, depth=None),
)
# Small patches have the weight 0 to 1 at these shares of known pixels nearby, large ones 1 to 0.
_SMALL_SHARES, _LARGE_SHARES = (0.1, 0.25), (0.0, 0.05)
# Standard deviation of the blur that tells these shares, in pixels.
_NEARBY = 8.0
# Subtracted from the fit of a patch that is not all known; more than any difference.
_UNKNOWN = 1e6
# The prediction's own details are reduced by this, times the weight of the copied ones.
_REDUCTION = 0.75


def copy_details(completed: tf.Tensor, masks: tf.Tensor, weight: float) -> tf.Tensor:
    """Adds details of known patches to completed holes.

    Details are weaker where known pixels are near. Deep inside a hole of 260 to 320 pixels or more,
    where there is no known patch in the window, there are none: the prediction's own details are
    reduced there all the same.

    Args:
      completed: float32 `[N, H, W, C]` in [-1, 1], predicted in the hole.
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
    known, difference = 1 - masks, tf.zeros_like(completed)
    for search, weights in zip(_SEARCHES, _blending_weights(known), strict=True):
        means, known_means, known_shares = _means(completed, known, search.deviation)
        maps = tf.concat([completed, known, known_means, means, masks], axis=-1)
        displacements = _displacements(search, maps, tf.cast(weights * masks > 0, tf.float32))
        copied = _pasted(search, (completed - known_means) * known, displacements)
        change = copied - _REDUCTION * (completed - means)
        difference += weights * (1 - known_shares) * change
    return tf.clip_by_value(completed + weight * difference * masks, -1, 1)


def details_region(region: Region) -> Region:
    """The region that a region of `copy_details` depends on; it may extend beyond the image.

    Its first row and column are multiples of the pixels between blocks, so that a crop that
    begins there has the same blocks.

    Example:
      >>> seen = details_region(Region(tf.constant([70, 128]), tf.constant([100, 130])))
      >>> seen.begin.numpy().tolist(), seen.end.numpy().tolist()
      ([-128, -64], [315, 345])
    """
    pitch = max(search.pitch for search in _SEARCHES)
    before = after = gaussian_radius(_NEARBY)
    for search in _SEARCHES:
        radius = gaussian_radius(search.deviation)
        before = max(before, radius + search.before + search.cell)
        after = max(after, radius + search.window - search.before)
    begin = region.begin // pitch * pitch - -(-before // pitch) * pitch
    return Region(begin, region.end + after)


def search_operations(region: Region, channels: int) -> tuple[int, int]:
    """Multiplications of the searches for a hole that fills a region, and numbers they compute.

    Narrow strokes all over the region may take more.

    Args:
      region: its rows and columns are known, not those of a graph.
      channels: of the image.

    Example:
      >>> small, large = (search_operations(Region.whole((n, n)), 3)[0] for n in (40, 400))
      >>> 1e8 < small < large
      True
    """
    compared = 0
    begin, end = np.array(region.begin), np.array(region.end)
    for search in _SEARCHES:
        last = ((end - 1) // search.cell + 1) // search.block
        blocks = np.prod(last - begin // search.pitch + 1)
        if search.depth is not None:
            # Blocks that are wholly deeper than that are not searched.
            first = -(-(begin + search.depth + search.cell) // search.pitch)
            last = (end - search.depth) // search.pitch - 1
            blocks -= np.prod(np.maximum(last - first + 1, 0))
        compared += int(blocks) * search.places**2 * search.block**2
    # Colours and the sum of their squares, at each pixel that is compared.
    taps = (channels + 1) * (_SIDE**2 + (_SIDE // _SKIPPED) ** 2)
    return compared * taps, 2 * compared


def _blending_weights(known: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Weights of small, middle and large patches, which add up to 1: float32 `[N, H, W, 1]`."""
    sums = gaussian_blur(tf.concat([known, tf.ones_like(known)], axis=-1), _NEARBY)
    shares = sums[..., :1] / sums[..., 1:]
    small, not_large = (
        tf.clip_by_value((shares - low) / (high - low), 0, 1)
        for low, high in (_SMALL_SHARES, _LARGE_SHARES)
    )
    return small, not_large - small, 1 - not_large


def _means(
    completed: tf.Tensor, known: tf.Tensor, deviation: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Means around each pixel, weighted by a Gaussian; outside the image no pixel counts.

    Returns the means of completed and of known pixels, `[N, H, W, C]`, the latter 0 where no known
    pixel is seen, and the share of the known ones, `[N, H, W, 1]`.
    """
    maps = tf.concat([completed, completed * known, known, tf.ones_like(known)], axis=-1)
    sizes = [completed.shape[-1]] * 2 + [1, 1]
    means, known_means, known_shares, shares = tf.split(gaussian_blur(maps, deviation), sizes, -1)
    return means / shares, known_means / tf.maximum(known_shares, 1e-6), known_shares / shares


def _displacements(search: _Search, maps: tf.Tensor, needed: tf.Tensor) -> tf.Tensor:
    """Rows and columns from each patch to the known one that fits: int32 `[N, n, m, 2]`.

    Zeros where there is none, and for blocks that are not searched: those without a pixel for which
    they are needed. With `unrolled_loops` all are searched.

    Args:
      search: which patches are compared.
      maps: `[N, H, W, 3 C + 2]`: completed and known pixels, the means of the known ones and of the
        completed ones, and the hole.
      needed: `[N, H, W, 1]`, 1 where a patch is needed, else 0.
    """
    batch, height, width = (known_size(maps, axis) for axis in range(3))
    rows, columns = search.blocks(height), search.blocks(width)
    # A window begins `before` pixels before the block, and that one cell before its first pixel.
    around = search.before + search.cell
    paddings = [[0, 0], *[[around, search.window - search.before]] * 2, [0, 0]]
    # Outside the image nothing is known, and nothing is predicted.
    maps = tf.pad(maps, paddings)

    def search_block(image, row, column):
        begin = tf.stack([image, row * search.pitch, column * search.pitch, 0])
        window = tf.slice(maps, begin, [1, search.window, search.window, maps.shape[-1]])
        return _displacements_in_window(search, window)

    if unrolls_loops():
        blocks = itertools.product(range(batch), range(rows), range(columns))
        found = tf.concat(list(itertools.starmap(search_block, blocks)), axis=0)
    else:
        of_blocks = _needed_blocks(search, needed, rows, columns)
        found = _searched_in_loop(search_block, of_blocks, search.block, rows, columns)
    found = tf.reshape(found, [batch, rows, columns, search.block, search.block, 2])
    # As floats, because TensorFlow prints an error if integers are transposed eagerly.
    found = tf.transpose(tf.cast(found, tf.float32), [0, 1, 3, 2, 4, 5])
    found = tf.reshape(found, [batch, rows * search.block, columns * search.block, 2])
    patches = search.patches(height), search.patches(width)
    return tf.cast(found[:, : patches[0], : patches[1]], tf.int32)


def _searched_in_loop(
    search_block: Callable, needed: tf.Tensor, patches: int, rows, columns
) -> tf.Tensor:
    """Searches one by one the blocks that are needed; zeros for the others."""
    count = known_size(needed, 0)
    _, needed_first = tf.math.top_k(needed, count)

    def search_next(done, found):
        block = needed_first[done]
        of_block = search_block(block // (rows * columns), block // columns % rows, block % columns)
        return done + 1, tf.tensor_scatter_nd_update(found, [[block]], of_block)

    _, found = tf.while_loop(
        lambda done, _: done < tf.reduce_sum(needed),
        search_next,
        [0, tf.zeros([count, patches, patches, 2], tf.int32)],
        parallel_iterations=1,
    )
    return found


def _needed_blocks(search: _Search, needed: tf.Tensor, rows, columns) -> tf.Tensor:
    """1 for blocks that have a patch with a needed pixel, row by row, image by image: int32 `[K]`.

    Args:
      search: the blocks.
      needed: see `_displacements`.
      rows, columns: of blocks.
    """
    height, width = height_and_width(needed)
    # A block has its first patch's first cell, and the one that its last patch shares.
    below, right = (
        count * search.pitch - size for count, size in ((rows, height), (columns, width))
    )
    pixels = tf.pad(needed, [[0, 0], [search.cell, below], [search.cell, right], [0, 0]])
    cells = tf.nn.max_pool2d(pixels, search.cell, search.cell, "VALID")
    pooled = tf.nn.max_pool2d(cells, search.block + 1, search.block, "VALID")
    return tf.cast(tf.reshape(pooled, [-1]), tf.int32)


def _displacements_in_window(search: _Search, window: tf.Tensor) -> tf.Tensor:
    """Searches a window for the patches of its block: int32 `[1, block, block, 2]`.

    The window is `[1, window, window, 3 C + 2]`, see `_displacements`.
    """
    channels, step = (window.shape[-1] - 2) // 3, search.step
    sizes = [channels, 1, channels, channels, 1]
    completed, known, known_means, means, holes = tf.split(window[:, ::step, ::step], sizes, -1)
    begin, end = search.before // step, (search.before + search.pitch + search.cell) // step
    queries = tf.concat([completed * known, known, means * holes, holes], axis=-1)
    queries = tf.split(
        _filters(search, queries[0, begin:end, begin:end]), [channels, 1, channels, 1], axis=2
    )
    # Minus each sum of weighted squared differences, but for what is the same for all patches.
    fits = _products(completed, -queries[1], 2 * queries[0])
    queries = [each[1::_SKIPPED, 1::_SKIPPED] * _PREDICTED_WEIGHT for each in queries[2:]]
    blurred = known_means[:, 1:, 1:]
    fits += _products(blurred, -queries[1], 2 * queries[0], dilations=_SKIPPED)

    # A patch is known if all of its pixels are, also those that are not compared.
    all_known = -tf.nn.max_pool2d(-window[..., channels : channels + 1], step, step, "VALID")
    mean = tf.ones([_SIDE, _SIDE, 1, 1]) / _SIDE**2
    unknown = 1 - tf.nn.conv2d(all_known, mean, 1, "VALID")
    fits -= _UNKNOWN * tf.cast(unknown > 1e-3, tf.float32)

    fits = tf.transpose(fits, [0, 3, 1, 2])
    fits = tf.reshape(fits, [1, search.block, search.block, search.places, search.places])
    positions = np.arange(search.block) * search.cell
    positions = np.stack(np.meshgrid(positions, positions, indexing="ij"), axis=-1)
    displacements = argmax_2d(fits) * step - (search.before + positions)[None]
    found = tf.reduce_max(fits, axis=[3, 4]) > -_UNKNOWN / 2
    return displacements * tf.cast(found, tf.int32)[..., None]


def _filters(search: _Search, maps: tf.Tensor) -> tf.Tensor:
    """The patches of a block `[n, n, C]`, as filters `[_SIDE, _SIDE, C, block * block]`."""
    cell, cells, channels = _SIDE // 2, search.block + 1, maps.shape[-1]
    maps = tf.reshape(maps, [cells, cell, cells, cell, channels])
    maps = tf.concat([maps[:-1], maps[1:]], axis=1)
    maps = tf.concat([maps[:, :, :-1], maps[:, :, 1:]], axis=3)
    maps = tf.transpose(maps, [1, 3, 4, 0, 2])
    return tf.reshape(maps, [_SIDE, _SIDE, channels, search.block**2])


def _products(
    maps: tf.Tensor, weights: tf.Tensor, filters: tf.Tensor, dilations: int = 1
) -> tf.Tensor:
    """Sums of weights times squared maps, plus filters times maps, at each place."""
    squares = tf.reduce_sum(tf.square(maps), axis=-1, keepdims=True)
    maps, filters = tf.concat([squares, maps], axis=-1), tf.concat([weights, filters], axis=2)
    return tf.nn.conv2d(maps, filters, 1, "VALID", dilations=dilations)


def _pasted(search: _Search, details: tf.Tensor, displacements: tf.Tensor) -> tf.Tensor:
    """Copies patches along their displacements; windows that add up to 1 weight them."""
    batch, height, width = (known_size(details, axis) for axis in range(3))
    cell, patches = search.cell, (search.patches(height), search.patches(width))
    line = np.sin(np.pi * (np.arange(2 * cell) + 0.5) / (2 * cell)).astype(np.float32) ** 2
    # A cell has the second half of the patch that begins before it, and the first of the next.
    halves = line[cell:], line[:cell]
    image, row, column = tf.meshgrid(*map(tf.range, (batch, height, width)), indexing="ij")
    copied = tf.zeros_like(details)
    for down, right in itertools.product((0, 1), repeat=2):
        rows, columns = (count - 1 for count in patches)
        of_cells = displacements[:, down : down + rows, right : right + columns]
        of_pixels = tf.repeat(tf.repeat(of_cells, cell, axis=1), cell, axis=2)[:, :height, :width]
        places = tf.stack([image, row + of_pixels[..., 0], column + of_pixels[..., 1]], axis=-1)
        weights = tf.tile(halves[down], [rows])[:height, None]
        weights *= tf.tile(halves[right], [columns])[:width]
        copied += tf.gather_nd(details, places) * weights[..., None]
    return copied
