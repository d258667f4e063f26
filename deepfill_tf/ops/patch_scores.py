"""Attention scores as matrix products and sums along diagonals.

The fast contextual attention extracts no patches. A query p is a position of the downsampled
foreground (h x w), a key q one of the downsampled background (H x W), both numbered row by
row. The logits of p are made in five steps from scores S[p, q]:

1. the inner product of three horizontally adjacent feature vectors around p with those around q;
2. the score of two 3 x 3 patches is the sum over their three rows, S[p + i w, q + i W] for
   i = -1, 0, 1, times softmax_scale / norm of the key's patch;
3. fusion row by row: the sum of S[p + i, q + i];
4. fusion column by column: the sum of S[p + i w, q + i W] (without fusion, 3 and 4 are left out);
5. `logit_biases` (`ops.key_probabilities`): -1e30 for keys whose patch touches the hole; one more
   logit, the logarithm of their number, stands for them in the softmax.

Steps 2 to 4 are sums along diagonals of the matrix S, whose rows lie in one flat array
(`ops.diagonals`). Such a row, the scores of one query with all keys, is called a line. For a
map of 2 x 3 that attends to itself, with these numbers of positions

    0 1 2
    3 4 5

the array is (`02` stands for S[0, 2], 0 for a zero)

    column   0  1  2  3   4  5  6  7  8  9  10 11 12 13 14
             -- lead --   ----- keys -----  ---- gap -----   elements
    line 0   0  0  0  0  00 01 02 03 04 05   0  0  0  0  0    0 to 14
    line 1   0  0  0  0  10 11 12 13 14 15   0  0  0  0  0   15 to 29
    ...
    line 5   0  0  0  0  50 51 52 53 54 55   0  0  0  0  0   75 to 89

- S[p, q] is element p * pitch + lead + q, here 15 p + 4 + q.
- The neighbour S[p + 1, q + 1] is one line and one column further on, pitch + 1 = 16 elements.
  The neighbour below, S[p + w, q + W], is w lines and W columns further on, w * pitch + W = 48.
- A key outside the map is a zero of the lead or the gap: from S[0, 5], 16 elements on is
  column 10 of line 1 and 48 on is column 12 of line 3; from S[3, 0], 16 back is column 3 of
  line 2 and 48 back is column 1 of line 0. Queries outside the map are zeros of the margin,
  but for -1 and h w after step 2, which are cleared before step 3.
- `diagonal_sum` stores each sum at the index of its first summand, so after step 2 the scores
  of q are W columns further left and those of p a row of queries further up, after step 3 one
  more of each. The lead has these W + 1 columns: after step 3 key 0 is in column 0.
- The pitch is rounded up so that pitch + 1, and with w = W also w * pitch + W, are multiples of
  `ALIGNMENT`.

Queries are computed in blocks; consecutive rows of a block are row_step lines apart (w for whole
rows). A block begins with the rows above it that steps 2 to 4 sum, ends with those below, and
has `ALIGNMENT` spare lines. After step 4 lines have the pitch of `ops.key_probabilities`.

Wrap-around, as released: for fusion the end of a row is a neighbour of the beginning of the
next. In step 3 this needs nothing: positions 2 and 3 follow each other in a line, and so do
their lines. Step 1 must not wrap around, so rows are padded with zeros. In step 4 the end of a
column is a neighbour of the beginning of the next, to which no fixed step leads. So queries and
keys get a row above, which holds, for each column, the last element of the column before, and a
row below, with the first element of the next (`-`: there is none):

    - 3 4
    0 1 2
    3 4 5
    1 2 -
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deepfill_tf.ops.attention import AttentionOptions, check_divisible, downsample
from deepfill_tf.ops.diagonals import ALIGNMENT, clear_rows, diagonal_sum, flatten, pitch_of
from deepfill_tf.ops.key_probabilities import argmax_2d, logit_biases
from deepfill_tf.ops.patch_features import horizontal_triplets, inverse_norms
from deepfill_tf.ops.shapes import height_and_width, known_size
from deepfill_tf.ops.slicing import slice_axes
from deepfill_tf.ops.value_tiles import overlap_added, value_tiles


@dataclasses.dataclass(frozen=True)
class PatchScores:
    """Operands from which the attention of a block of queries is computed.

    They include the values, the background's content that the probabilities weight.

    Attributes:
      queries: three horizontally adjacent feature vectors for each query, with positions of
        zeros before the first and after the last, `[N, margin + h w + margin, 3 C]`.
      keys: the same for each key, `[N, 3 C, pitch]`; key q is in column lead + q.
      key_scales: softmax scale over the norm of each key's patch, `[N, 1, pitch]`; that of
        key q is in column 1 + q, where step 2 leaves its scores. 0 elsewhere.
      logit_biases: added to the logits, `[N or 1, 1, pitch of the logits]`.
      values: tiles of the background, see `ops.value_tiles`.
      query_size, key_size: (h, w) and (H, W); integers where they are known.
      fuses: whether the scores of neighbours are summed (steps 3 and 4).
    """

    queries: tf.Tensor
    keys: tf.Tensor
    key_scales: tf.Tensor
    logit_biases: tf.Tensor
    values: tf.Tensor
    query_size: tuple
    key_size: tuple
    fuses: bool

    @classmethod
    def of(
        cls,
        foreground: tf.Tensor,
        background: tf.Tensor,
        masks: tf.Tensor | None,
        options: AttentionOptions,
    ) -> PatchScores:
        """Operands for inputs as those of `contextual_attention`."""
        check_divisible(foreground, background, options)
        queries, keys = downsample(foreground, options), downsample(background, options)
        query_size, key_size = height_and_width(queries), height_and_width(keys)
        num_keys, lead = key_size[0] * key_size[1], key_size[1] + 1
        # A gap of 2 columns is enough, because the lead of the next line continues it.
        pitch = pitch_of(num_keys + lead + 2)
        scales = tf.reshape(options.softmax_scale * inverse_norms(keys), [-1, 1, num_keys])
        keys = _pad_positions(horizontal_triplets(keys), lead, pitch - lead - num_keys)
        margin = _margin(query_size[1])
        return cls(
            queries=_pad_positions(horizontal_triplets(queries), margin, margin),
            keys=tf.transpose(keys, [0, 2, 1]),
            key_scales=tf.pad(scales, [[0, 0], [0, 0], [1, pitch - 1 - num_keys]]),
            logit_biases=logit_biases(masks, key_size, options),
            # Each pixel is the sum of 2 x 2 overlapping patches.
            values=value_tiles(background / 4, options.rate),
            query_size=query_size,
            key_size=key_size,
            fuses=options.fuse_size == 3,
        )

    def attend_block(
        self,
        first_row,
        num_rows,
        column_range: tuple,
        *,
        skipped_rows=0,
        with_best_keys: bool = True,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes the attention of a block of queries.

        Args:
          first_row: of the block, an integer or int32 scalar.
          num_rows: number of its rows, n.
          column_range: its first column and the column after its last, m columns.
          skipped_rows: number of its first rows that add nothing to the tiles.
          with_best_keys: whether the most probable keys are computed; they are 0 if not.

        Returns:
          What the queries add to the tiles of the reconstruction,
          `[N, n + 1, m + 1, rate * rate * C]`, and row and column of the most probable key of
          each, int32 `[N, n, m, 2]`.
        """
        count = column_range[1] - column_range[0]
        height, width = self.key_size
        row_step = self._row_step(count)
        logits = self._scores(first_row, num_rows, column_range, row_step) + self.logit_biases
        shape = [-1, num_rows, row_step, known_size(self.logit_biases, 2)]
        probabilities = tf.reshape(tf.nn.softmax(logits), shape)
        probabilities = slice_axes(probabilities, {2: (0, count), 3: (0, height * width)})
        shape = [-1, num_rows, count, height, width]
        added = tf.reshape(_without_first_rows(probabilities, skipped_rows), shape)
        tiles = overlap_added(tf.cast(added, self.values.dtype), self.values)
        if with_best_keys:
            return tiles, argmax_2d(tf.reshape(probabilities, shape))
        return tiles, tf.zeros([*tf.unstack(tf.shape(probabilities)[:3]), 2], tf.int32)

    def _row_step(self, count):
        """Number of lines between the starts of two rows of a block with `count` queries per row.

        Whole rows follow each other. A part of a row needs a neighbour on both sides, and as
        many more as make row_step * pitch + W a multiple of `ALIGNMENT`.
        """
        width, least = self.query_size[1], count + 2
        return _select_if_equal(count, width, count, least + (self.key_size[1] - least) % ALIGNMENT)

    def _scores(self, first_row, num_rows, column_range: tuple, row_step) -> tf.Tensor:
        """Scores after all steps, `[N, num_rows * row_step, pitch of the logits]`."""
        height, width = self.query_size
        first_column = column_range[0]
        if not self.fuses:
            scores = self._patch_scores(first_row, num_rows, first_column, row_step)
            return slice_axes(scores, {1: (0, num_rows * row_step)})
        if _is_whole(first_row, num_rows, height) and _is_whole(
            first_column, column_range[1], width
        ):
            scores = self._with_wraparound(self._patch_scores(0, num_rows, 0, row_step))
        else:
            scores = self._patch_scores(first_row - 1, num_rows + 2, first_column, row_step)
            scores = self._with_opposite_rows(scores, first_row, num_rows, first_column, row_step)
        return self._fused_scores(scores, num_rows, row_step)

    def _patch_scores(self, first_row, num_rows, first_column, row_step) -> tf.Tensor:
        """Scores after steps 1 and 2, and after step 3 if neighbours are fused.

        Returns `[N, num_rows * row_step + ALIGNMENT, pitch]`. The query in row first_row + i and
        column first_column + j has line i * row_step + j, and key q has column q. The last
        `ALIGNMENT` lines are spare: their sums lack summands beyond the end of the array.
        """
        (height, width), key_width = self.query_size, self.key_size[1]
        pitch = known_size(self.key_scales, 2)
        lines = num_rows * row_step + ALIGNMENT
        # Step 1. Step 2 moves scores up by a row of lines and step 3 by one more line, so the
        # first line is that of the query in the row above and the column before.
        line = tf.range((num_rows + 2) * row_step + 3 * ALIGNMENT)
        position = (
            (first_row - 1) * width + first_column - 1 + line // row_step * width + line % row_step
        )
        # Only spare lines have positions beyond the margin.
        index = tf.minimum(_margin(width) + position, known_size(self.queries, 1) - 1)
        queries = tf.gather(self.queries, index, axis=1)
        products = tf.cast(tf.matmul(queries, self.keys), tf.float32)

        # Step 2.
        used = lines + ALIGNMENT
        scores = diagonal_sum(flatten(products), row_step * pitch + key_width, 3, used * pitch)
        scores = tf.reshape(scores, [-1, used, pitch]) * self.key_scales
        if not self.fuses:
            # Move scores by a line and a column, as step 3 does.
            flat = slice_axes(flatten(scores), {1: (pitch + 1, (lines + 1) * pitch + 1)})
            return tf.reshape(flat, [-1, lines, pitch])

        # Step 3. Positions -1 and h * w see real rows in step 2, so their scores are not zero; set
        # them to zero.
        before = -first_row * row_step - first_column
        after = (height - 1 - first_row) * row_step + width - first_column + 1
        scores = clear_rows(scores, before, after)
        flat = diagonal_sum(flatten(scores), pitch + 1, 3, lines * pitch)
        return tf.reshape(flat, [-1, lines, pitch])

    def _with_wraparound(self, scores: tf.Tensor) -> tf.Tensor:
        """Scores of all queries, with the rows above and below that the module describes."""
        height, width = self.query_size
        num_queries = height * width
        zero = tf.zeros_like(scores[:, :1])
        above = slice_axes(scores, {1: (num_queries - width, num_queries - 1)})
        inner = slice_axes(scores, {1: (0, num_queries)})
        below = slice_axes(scores, {1: (1, width)})
        spare = tf.zeros_like(scores[:, :ALIGNMENT])
        return tf.concat([zero, above, inner, below, zero, spare], axis=1)

    def _with_opposite_rows(self, scores, first_row, num_rows, first_column, row_step) -> tf.Tensor:
        """Scores of a block whose first row may be the map's, or whose last row the map's last.

        `scores` have one more row above and below the block. Beyond the top and the bottom of
        the map it is replaced by the row that wraps around, as in `_with_wraparound`.
        """
        height, width = self.query_size
        is_first, is_last = first_row <= 0, first_row + num_rows >= height
        end = (num_rows + 1) * row_step

        def shift_row(row, shift):
            """Returns scores of a row, shifted by columns; zeros for queries outside the map."""
            shifted = self._patch_scores(row, 1, first_column + shift, row_step)
            shifted = slice_axes(shifted, {1: (0, row_step)})
            column = first_column + shift + tf.range(row_step)
            inside = (column >= 0) & (column < width)
            return tf.where(inside[:, None], shifted, tf.zeros_like(shifted))

        def replace_rows():
            above = tf.cond(
                is_first,
                lambda: shift_row(height - 1, -1),
                lambda: slice_axes(scores, {1: (0, row_step)}),
            )
            below = tf.cond(
                is_last,
                lambda: shift_row(0, 1),
                lambda: slice_axes(scores, {1: (end, end + row_step)}),
            )
            inner = slice_axes(scores, {1: (row_step, end)})
            spare = slice_axes(scores, {1: (end + row_step, None)})
            return tf.concat([above, inner, below, spare], axis=1)

        return tf.cond(tf.logical_or(is_first, is_last), replace_rows, lambda: scores)

    def _fused_scores(self, scores: tf.Tensor, num_rows, row_step) -> tf.Tensor:
        """Scores after step 4, `[N, num_rows * row_step, pitch of the logits]`.

        `scores` have one more row above and below the block, and spare lines. The keys get
        their rows above and below here, which makes lines longer.
        """
        height, width = self.key_size
        num_keys, pitch = height * width, known_size(self.logit_biases, 2)
        zero = tf.zeros_like(scores[:, :, :1])
        gap = tf.zeros([*tf.unstack(tf.shape(scores)[:2]), pitch - num_keys - 2 * width + 1])
        above = slice_axes(scores, {2: (num_keys - width, num_keys - 1)})
        inner, below = slice_axes(scores, {2: (0, num_keys)}), slice_axes(scores, {2: (1, width)})
        scores = tf.concat([zero, above, inner, below, gap], axis=2)
        lines = num_rows * row_step
        flat = diagonal_sum(flatten(scores), row_step * pitch + width, 3, lines * pitch)
        return tf.reshape(flat, [-1, lines, pitch])


def _without_first_rows(probabilities: tf.Tensor, skipped_rows) -> tf.Tensor:
    """Zeros in the first rows of `[N, n, m, K]`, which are copied only if there are any."""
    if isinstance(skipped_rows, int) and skipped_rows == 0:
        return probabilities
    kept = tf.range(known_size(probabilities, 1)) >= skipped_rows
    return tf.cond(
        skipped_rows > 0,
        lambda: tf.where(kept[:, None, None], probabilities, tf.zeros_like(probabilities)),
        lambda: probabilities,
    )


def _pad_positions(positions: tf.Tensor, before, after) -> tf.Tensor:
    """Adds zeros before the first position and after the last: `[N, positions, K]`."""
    return tf.pad(positions, [[0, 0], [before, after], [0, 0]])


def _margin(width):
    """Number of positions before the first query and after the last that a block may read.

    Fusion reads one row beyond the map and step 2 another. The rows of a narrow block extend
    beyond the border by less than `ALIGNMENT` + 2 positions. The rest is for spare lines.
    """
    return 3 * width + 4 * ALIGNMENT


def _is_whole(begin, end, size) -> bool:
    """True if all three are known and (begin, end) is all of `size`."""
    return all(isinstance(n, int) for n in (begin, end, size)) and (begin, end) == (0, size)


def _select_if_equal(one, other, if_equal, if_not):
    """Returns `if_equal` or `if_not`, as a tensor only if `one` or `other` is one."""
    if isinstance(one, int) and isinstance(other, int):
        return if_equal if one == other else if_not
    return tf.where(tf.equal(one, other), if_equal, if_not)
