"""Scores of foreground positions with background positions, as products of matrices.

With p a position of the foreground and q one of the background, all that happens to the
scores S[p, q] beside is summing along diagonals, S[p + i, q + j] for a few (i, j): over the
rows of a patch, over neighbours row by row, over neighbours column by column, over the
patches that are pasted over a cell. The scores of one p with all q are a "line". Lines
follow each other in a flat array, where such a neighbour is a fixed number of elements
further on, so that the sum is one of slices of that array (`diagonal_sum`). For that, a line
ends with a gap of zeros; the "pitch" is its length with the gap.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deepfill_tf.ops.attention import MIN_NORM, check_divisible, shrink, valid_patches
from deepfill_tf.ops.diagonals import ALIGNMENT, aligned, diagonal_sum, flattened, pitch_of
from deepfill_tf.ops.shapes import height_and_width, known_size

# Added to a score, this makes its probability exactly 0.
_MASKED_LOGIT = -1e30


@dataclasses.dataclass(frozen=True)
class PatchScores:
    """Foreground and background, laid out for products.

    Positions are numbered row by row, h w of the foreground's and L = H W of the background's.

    Attributes:
      foreground: three pixels side by side for each position, `[N, margin + h w + margin, 3 C]`.
      background: the same, `[N, 3 C, pitch]`; the first position is in column W + 1.
      scales: softmax scale over the norm of each background patch, `[N, 1, pitch]`, from
        column 1 on.
      biases: added to the scores at last, `[N or 1, 1, pitch of the fused scores]`.
      values: cells of the background, see `_value_tiles`.
      size, background_size: (h, w) and (H, W); integers where they are known.
      rate: see `contextual_attention`.
      fuses: whether neighbouring scores are summed.
    """

    foreground: tf.Tensor
    background: tf.Tensor
    scales: tf.Tensor
    biases: tf.Tensor
    values: tf.Tensor
    size: tuple
    background_size: tuple
    rate: int
    fuses: bool

    @classmethod
    def of(cls, foreground, background, masks, rate, fuse_size, softmax_scale) -> PatchScores:
        check_divisible(foreground, background, rate)
        queries, keys = shrink(foreground, rate), shrink(background, rate)
        size, background_size = height_and_width(queries), height_and_width(keys)
        patches = background_size[0] * background_size[1]
        lead = background_size[1] + 1
        pitch = pitch_of(patches + lead + 2)
        scales = tf.reshape(softmax_scale * _inverse_norms(keys), [-1, 1, patches])
        keys = _padded(_horizontal_triplets(keys), lead, pitch - lead - patches)
        margin = _margin(size[1])
        return cls(
            foreground=_padded(_horizontal_triplets(queries), margin, margin),
            background=tf.transpose(keys, [0, 2, 1]),
            scales=tf.pad(scales, [[0, 0], [0, 0], [1, pitch - 1 - patches]]),
            biases=_biases(masks, rate, background_size, fuses=fuse_size == 3),
            values=_value_tiles(background / 4, rate),
            size=size,
            background_size=background_size,
            rate=rate,
            fuses=fuse_size == 3,
        )

    def block(self, first_row, rows, columns: tuple) -> tuple[tf.Tensor, tf.Tensor]:
        """What some positions of the foreground add to the reconstructed cells.

        They are n = `rows` rows from `first_row` on, and m columns, (begin, end). Gives
        `[N, n + 1, m + 1, rate * rate * C]`, and row and column of the likeliest background
        patch, int32 `[N, n, m, 2]`.
        """
        count, width = columns[1] - columns[0], self.size[1]
        height_behind, width_behind = self.background_size
        # Lines from one row of the foreground to the next: whole rows follow each other, parts of
        # rows need a neighbour on both sides, and as many more as give diagonals aligned steps.
        least = count + 2
        row_step = _where(count, width, count, least + (width_behind - least) % ALIGNMENT)
        if not self.fuses:
            scores = self._patch_scores(first_row, rows, columns[0], row_step)
        elif _is_whole(first_row, rows, self.size[0]) and _is_whole(columns[0], columns[1], width):
            scores = self._with_wraparound(self._patch_scores(0, rows, 0, row_step))
        else:
            scores = self._patch_scores(first_row - 1, rows + 2, columns[0], row_step)
            scores = self._with_opposite_rows(scores, first_row, rows, columns[0], row_step)
        scores = (
            self._fused_scores(scores, rows, row_step)
            if self.fuses
            else scores[:, : rows * row_step]
        )
        pitch = known_size(self.biases, 2)
        grid = tf.reshape(tf.nn.softmax(scores + self.biases), [-1, rows, row_step, pitch])
        grid = grid[:, :, :count, : height_behind * width_behind]
        grid = tf.reshape(grid, [-1, rows, count, height_behind, width_behind])
        return self._overlap_added(tf.cast(grid, self.values.dtype)), _likeliest(grid)

    def pixels(self, cells: tf.Tensor) -> tf.Tensor:
        """Cells `[N, n, m, rate * rate * C]` as pixels, from the first position's own on."""
        before = self.rate // 2
        pixels = tf.nn.depth_to_space(cells, self.rate) if self.rate > 1 else cells
        return pixels[:, before:, before:]

    def _patch_scores(self, first_row, rows, first_column, row_step) -> tf.Tensor:
        """Scores of patches, summed over the neighbours row by row if neighbours count.

        Gives `[N, rows * row_step + spare, pitch]`, with the scores of the position
        (`first_row` + i, `first_column` + j) in line i * row_step + j from column 0 on. A sum along
        diagonals leaves the last lines unfinished, so some are made to spare for each.
        """
        (height, width), width_behind = self.size, self.background_size[1]
        pitch = known_size(self.scales, 2)
        lines = rows * row_step + ALIGNMENT
        line = tf.range((rows + 2) * row_step + 3 * ALIGNMENT)
        position = (
            (first_row - 1) * width + first_column - 1 + line // row_step * width + line % row_step
        )
        # What lies beyond the margin stands in lines to spare.
        index = tf.minimum(_margin(width) + position, known_size(self.foreground, 1) - 1)
        queries = tf.gather(self.foreground, index, axis=1)
        products = tf.cast(tf.matmul(queries, self.background), tf.float32)

        used = lines + ALIGNMENT
        matched = diagonal_sum(
            flattened(products), row_step * pitch + width_behind, 3, used * pitch
        )
        matched = tf.reshape(matched, [-1, used, pitch]) * self.scales
        if not self.fuses:
            flat = flattened(matched)[:, pitch + 1 : (lines + 1) * pitch + 1]
            return tf.reshape(flat, [-1, lines, pitch])
        before = -first_row * row_step - first_column
        after = (height - 1 - first_row) * row_step + width - first_column + 1
        matched = _without_lines(matched, before, after)
        return tf.reshape(
            diagonal_sum(flattened(matched), pitch + 1, 3, lines * pitch), [-1, lines, pitch]
        )

    def _with_wraparound(self, scores: tf.Tensor) -> tf.Tensor:
        """Scores of all positions with the last row above the first, the first below the last.

        Column by column, below the last row comes the first row of the next column.
        """
        height, width = self.size
        count = height * width
        zero = tf.zeros_like(scores[:, :1])
        above, below = scores[:, count - width : count - 1], scores[:, 1:width]
        spare = tf.zeros_like(scores[:, :ALIGNMENT])
        return tf.concat([zero, above, scores[:, :count], below, zero, spare], axis=1)

    def _with_opposite_rows(self, scores, first_row, rows, first_column, row_step) -> tf.Tensor:
        """Scores of a block's rows with the right ones above the first row and below the last.

        As in `_with_wraparound`; blocks elsewhere stay as they are.
        """
        height, width = self.size
        is_first, is_last = first_row <= 0, first_row + rows >= height

        def opposite(row_of_image, shift):
            """A row moved by `shift` columns, without what comes from outside."""
            scores = self._patch_scores(row_of_image, 1, first_column + shift, row_step)[
                :, :row_step
            ]
            column = first_column + shift + tf.range(row_step)
            inside = (column >= 0) & (column < width)
            return tf.where(inside[:, None], scores, tf.zeros_like(scores))

        def replaced():
            end = (rows + 1) * row_step
            above = tf.cond(
                is_first, lambda: opposite(height - 1, -1), lambda: scores[:, :row_step]
            )
            below = tf.cond(
                is_last,
                lambda: opposite(0, 1),
                lambda: scores[:, end : end + row_step],
            )
            return tf.concat(
                [above, scores[:, row_step:end], below, scores[:, end + row_step :]], axis=1
            )

        return tf.cond(tf.logical_or(is_first, is_last), replaced, lambda: scores)

    def _fused_scores(self, scores: tf.Tensor, rows, row_step) -> tf.Tensor:
        """Scores summed over the neighbours column by column, `[N, rows * row_step, fused pitch]`.

        Takes those of one more row on both sides, and some lines to spare. The background's
        rows are continued on both sides as the foreground's.
        """
        height, width = self.background_size
        count = height * width
        pitch = known_size(self.biases, 2)
        zero = tf.zeros_like(scores[:, :, :1])
        gap = tf.zeros([*tf.unstack(tf.shape(scores)[:2]), pitch - count - 2 * width + 1])
        above, below = scores[:, :, count - width : count - 1], scores[:, :, 1:width]
        scores = tf.concat([zero, above, scores[:, :, :count], below, gap], axis=2)
        flat = diagonal_sum(flattened(scores), row_step * pitch + width, 3, rows * row_step * pitch)
        return tf.reshape(flat, [-1, rows * row_step, pitch])

    def _overlap_added(self, grid: tf.Tensor) -> tf.Tensor:
        """Patches weighted with `[N, n, m, H, W]` and laid over each other, as cells."""
        rows, columns, height, width = (known_size(grid, axis) for axis in range(1, 5))
        count = (height + 1) * (width + 1)
        pitch = pitch_of(count)
        # Two steps, because padding of five axes is slow.
        grid = tf.pad(tf.reshape(grid, [-1, height, width]), [[0, 0], [1, 0], [1, 0]])
        grid = tf.reshape(grid, [-1, rows, columns, count])
        spare = 2 + (ALIGNMENT + 1) // (columns + 1) + 1
        grid = tf.pad(grid, [[0, 0], [1, spare], [1, 0], [0, pitch - count]])

        lines = (rows + 1) * (columns + 1)
        made = aligned(lines)
        step = (columns + 1) * pitch + width + 1
        weights = diagonal_sum(flattened(grid), pitch + 1, 2, aligned(made * pitch + step))
        weights = diagonal_sum(weights, step, 2, made * pitch)
        pasted = tf.matmul(tf.reshape(weights, [-1, made, pitch]), self.values)
        return tf.reshape(pasted[:, :lines], [-1, rows + 1, columns + 1, self.values.shape[-1]])


def _without_lines(scores: tf.Tensor, *lines) -> tf.Tensor:
    """`[N, lines, pitch]` with zeros in those lines, if there are such, and in the last."""
    batch, count, pitch = (known_size(scores, axis) for axis in range(3))
    inside = [
        tf.where((line >= 0) & (line < count), line, count - 1)
        for line in map(tf.convert_to_tensor, lines)
    ]
    index = tf.reshape(tf.range(batch)[:, None] * count + tf.stack(inside), [-1, 1])
    zeros = tf.zeros([batch * len(lines), pitch])
    flat = tf.reshape(scores, [batch * count, pitch])
    return tf.reshape(tf.tensor_scatter_nd_update(flat, index, zeros), [batch, count, pitch])


def _likeliest(grid: tf.Tensor) -> tf.Tensor:
    """Row and column of the first greatest entry, `[N, n, m, H, W]` -> int32 `[N, n, m, 2]`."""
    rows = tf.argmax(tf.reduce_max(grid, axis=-1), axis=-1, output_type=tf.int32)
    lines = tf.gather(grid, rows, axis=3, batch_dims=3)
    return tf.stack([rows, tf.argmax(lines, axis=-1, output_type=tf.int32)], axis=-1)


def _horizontal_triplets(features: tf.Tensor) -> tf.Tensor:
    """Each position with its left and its right neighbour: `[N, h, w, C]` -> `[N, h w, 3 C]`."""
    padded = tf.pad(features, [[0, 0], [0, 0], [1, 1], [0, 0]])
    triples = tf.concat([padded[:, :, :-2], features, padded[:, :, 2:]], axis=-1)
    return tf.reshape(triples, [known_size(features, 0), -1, 3 * features.shape[-1]])


def _inverse_norms(features: tf.Tensor) -> tf.Tensor:
    """1 / max(norm, `MIN_NORM`) of the 3 x 3 patch around each position, `[N, h, w, 1]`."""
    squares = tf.reduce_sum(tf.square(tf.cast(features, tf.float32)), axis=-1, keepdims=True)
    squares = tf.pad(squares, [[0, 0], [1, 1], [1, 1], [0, 0]])
    squares = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    squares = squares[:, :, :-2] + squares[:, :, 1:-1] + squares[:, :, 2:]
    return tf.math.rsqrt(tf.maximum(squares, MIN_NORM**2))


def _biases(masks, rate: int, background_size: tuple, *, fuses: bool) -> tf.Tensor:
    """0 for patches without a hole, else what makes a probability 0: `[N or 1, 1, pitch]`.

    Patches with a hole have score 0 in the softmax and their probability is dropped
    afterwards: they are all represented by one score more, the logarithm of their number.
    """
    height, width = background_size
    count = height * width
    # The place of that one: the sums that end there are of zeros.
    place = count + 2 * width if fuses else count
    pitch = pitch_of(count + 4 * width + 2 if fuses else count + width + 3)
    valid = valid_patches(masks, patch_size=3, stride=1, rate=rate)
    valid = tf.ones([1, 1, count]) if valid is None else tf.reshape(valid, [-1, 1, count])
    dropped = tf.reduce_sum(1 - valid, axis=-1, keepdims=True)
    together = tf.maximum(tf.math.log(dropped), _MASKED_LOGIT)
    shape = [known_size(valid, 0), 1]
    between, after = (
        tf.fill([*shape, n], _MASKED_LOGIT) for n in (place - count, pitch - place - 1)
    )
    return tf.concat([(1 - valid) * _MASKED_LOGIT, between, together, after], axis=-1)


def _value_tiles(background: tf.Tensor, rate: int) -> tf.Tensor:
    """Squares of side `rate`, the first half outside: `[N, pitch, rate * rate * C]`.

    There are (H + 1) (W + 1) of them, and zeros up to a pitch.
    """
    before, after = rate // 2, rate - rate // 2
    padded = tf.pad(background, [[0, 0], [before, after], [before, after], [0, 0]])
    cells = tf.nn.space_to_depth(padded, rate) if rate > 1 else padded
    _, height, width, _ = (known_size(cells, axis) for axis in range(4))
    length = rate * rate * background.shape[-1]
    cells = tf.reshape(cells, [known_size(background, 0), height * width, length])
    return _padded(cells, 0, pitch_of(height * width) - height * width)


def _padded(positions: tf.Tensor, before, after) -> tf.Tensor:
    return tf.pad(positions, [[0, 0], [before, after], [0, 0]])


def _margin(width):
    """Positions before the first one and after the last that may be asked for."""
    return 3 * width + 4 * ALIGNMENT


def _is_whole(begin, end, size) -> bool:
    """Whether it is known that nothing is left out."""
    return (
        isinstance(begin, int)
        and begin == 0
        and isinstance(size, int)
        and isinstance(end, int)
        and end == size
    )


def _where(one, other, if_equal, if_not):
    if isinstance(one, int) and isinstance(other, int):
        return if_equal if one == other else if_not
    return tf.where(tf.equal(one, other), if_equal, if_not)
