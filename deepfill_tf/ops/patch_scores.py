"""Attention scores as matrix products and sums along diagonals.

The fast contextual attention extracts no patches. A query p is a position of the downsampled
foreground (h x w), a key q one of the downsampled background (H x W), both numbered row by
row. The scores S[p, q] are made in four steps:

1. the product of the pixels around p (left neighbour, p, right neighbour) with those around q;
2. the score of two 3 x 3 patches is the sum over their three rows, S[p + i w, q + i W] for
   i = -1, 0, 1, times softmax_scale / norm of the key's patch;
3. fusion row by row: the sum of S[p + i, q + i];
4. fusion column by column: the sum of S[p + i w, q + i W] (without fusion, 3 and 4 are left out).

Steps 2 to 4 are sums along diagonals of the matrix S, whose rows lie in one flat array
(`ops.diagonals`). Such a row, the scores of one query with all keys, is called a line. For a
map of 2 x 3 that attends to itself (`02` stands for S[0, 2], 0 for a zero):

    positions    column   0  1  2  3   4  5  6  7  8  9  10 11 12 13 14
     0 1 2                -- lead --   ----- keys -----  ---- gap -----   elements
     3 4 5       line 0   0  0  0  0  00 01 02 03 04 05   0  0  0  0  0    0 to 14
                 line 1   0  0  0  0  10 11 12 13 14 15   0  0  0  0  0   15 to 29
                 ...
                 line 5   0  0  0  0  50 51 52 53 54 55   0  0  0  0  0   75 to 89

- S[p, q] is element p * pitch + lead + q, here 15 p + 4 + q.
- The neighbour S[p + 1, q + 1] is one line and one column further on, pitch + 1 = 16 elements.
  The neighbour below, S[p + w, q + W], is w lines and W columns further on, w * pitch + W = 48.
- A neighbour outside the map is a zero of the lead or the gap: from S[0, 5], 16 elements on is
  column 10 of line 1 and 48 on is column 12 of line 3; from S[3, 0], 16 back is column 3 of
  line 2 and 48 back is column 1 of line 0.
- A sum stands where its first summand stood, and its middle summand is one step further on.
  Step 2 thus moves each key W columns to the left and step 3 one more. The lead has these
  W + 1 columns: after step 3 key 0 is in column 0. Lines move alike.
- The pitch is rounded up so that pitch + 1, and with w = W also w * pitch + W, are aligned.

Wrap-around, as released: for fusion the end of a row is a neighbour of the beginning of the
next. In step 3 this needs nothing: positions 2 and 3 follow each other in a line, and so do
their lines. (In step 1 they must not: pixels beyond the border of a row are zeros.) In step 4
the end of a column is a neighbour of the beginning of the next, to which no fixed step leads.
So queries and keys get a row more above and below, with what follows there (`-`: nothing):

     - 3 4
     0 1 2
     3 4 5
     1 2 -
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deepfill_tf.ops.attention import (
    MIN_NORM,
    AttentionOptions,
    check_divisible,
    downsample,
    valid_patches,
)
from deepfill_tf.ops.diagonals import ALIGNMENT, diagonal_sum, flattened, pitch_of
from deepfill_tf.ops.shapes import height_and_width, known_size
from deepfill_tf.ops.value_tiles import overlap_added, value_tiles

# Added to a score, this makes its probability exactly 0.
_MASKED_LOGIT = -1e30


@dataclasses.dataclass(frozen=True)
class PatchScores:
    """Operands of the fast attention, from which blocks of queries are attended.

    Attributes:
      queries: three pixels side by side for each query, with zeros on both sides,
        `[N, margin + h w + margin, 3 C]`.
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
        count, lead = key_size[0] * key_size[1], key_size[1] + 1
        pitch = pitch_of(count + lead + 2)
        scales = tf.reshape(options.softmax_scale * _inverse_norms(keys), [-1, 1, count])
        keys = _padded(_horizontal_triplets(keys), lead, pitch - lead - count)
        margin = _margin(query_size[1])
        return cls(
            queries=_padded(_horizontal_triplets(queries), margin, margin),
            keys=tf.transpose(keys, [0, 2, 1]),
            key_scales=tf.pad(scales, [[0, 0], [0, 0], [1, pitch - 1 - count]]),
            logit_biases=_logit_biases(masks, key_size, options),
            # Each pixel is the sum of 2 x 2 overlapping patches.
            values=value_tiles(background / 4, options.rate),
            query_size=query_size,
            key_size=key_size,
            fuses=options.fuse_size == 3,
        )

    def attend_block(self, first_row, rows, columns: tuple) -> tuple[tf.Tensor, tf.Tensor]:
        """Attends with a block of queries: `rows` rows from `first_row`, columns (begin, end).

        Returns what n rows and m columns of queries add to the tiles of the reconstruction,
        `[N, n + 1, m + 1, rate * rate * C]`, and row and column of the likeliest key of each,
        int32 `[N, n, m, 2]`.
        """
        count = columns[1] - columns[0]
        height, width = self.key_size
        row_step = self._row_step(count)
        logits = self._scores(first_row, rows, columns, row_step) + self.logit_biases
        shape = [-1, rows, row_step, known_size(self.logit_biases, 2)]
        probabilities = tf.reshape(tf.nn.softmax(logits), shape)
        probabilities = probabilities[:, :, :count, : height * width]
        probabilities = tf.reshape(probabilities, [-1, rows, count, height, width])
        tiles = overlap_added(tf.cast(probabilities, self.values.dtype), self.values)
        return tiles, _likeliest(probabilities)

    def _row_step(self, count):
        """Lines from one row of queries to the next, where `count` of a row are wanted.

        Whole rows follow each other. A part of a row needs a neighbour on both sides, and
        as many more as make the step row_step * pitch + W aligned.
        """
        width, least = self.query_size[1], count + 2
        return _where(count, width, count, least + (self.key_size[1] - least) % ALIGNMENT)

    def _scores(self, first_row, rows, columns: tuple, row_step) -> tf.Tensor:
        """Scores after all steps, `[N, rows * row_step, pitch of the logits]`."""
        height, width = self.query_size
        if not self.fuses:
            scores = self._patch_scores(first_row, rows, columns[0], row_step)
            return scores[:, : rows * row_step]
        if _is_whole(first_row, rows, height) and _is_whole(columns[0], columns[1], width):
            scores = self._with_wraparound(self._patch_scores(0, rows, 0, row_step))
        else:
            scores = self._patch_scores(first_row - 1, rows + 2, columns[0], row_step)
            scores = self._with_opposite_rows(scores, first_row, rows, columns[0], row_step)
        return self._fused_scores(scores, rows, row_step)

    def _patch_scores(self, first_row, rows, first_column, row_step) -> tf.Tensor:
        """Scores after steps 1 and 2, and after step 3 if neighbours are fused.

        Returns `[N, rows * row_step + ALIGNMENT, pitch]`. The query in row first_row + i and
        column first_column + j has line i * row_step + j, and key q has column q. Lines
        beyond those of the rows are spare: sums along diagonals leave the last ones unfinished.
        """
        (height, width), key_width = self.query_size, self.key_size[1]
        pitch = known_size(self.key_scales, 2)
        lines = rows * row_step + ALIGNMENT
        # Step 1. Step 2 moves lines by a row and step 3 by one more, so queries begin before.
        line = tf.range((rows + 2) * row_step + 3 * ALIGNMENT)
        position = (
            (first_row - 1) * width + first_column - 1 + line // row_step * width + line % row_step
        )
        # Positions beyond the margin are met in spare lines only.
        index = tf.minimum(_margin(width) + position, known_size(self.queries, 1) - 1)
        queries = tf.gather(self.queries, index, axis=1)
        products = tf.cast(tf.matmul(queries, self.keys), tf.float32)

        # Step 2.
        used = lines + ALIGNMENT
        scores = diagonal_sum(flattened(products), row_step * pitch + key_width, 3, used * pitch)
        scores = tf.reshape(scores, [-1, used, pitch]) * self.key_scales
        if not self.fuses:
            # As step 3 does it: queries move by a line, keys by a column.
            flat = flattened(scores)[:, pitch + 1 : (lines + 1) * pitch + 1]
            return tf.reshape(flat, [-1, lines, pitch])

        # Step 3. The positions before the first and after the last have scores, but no patch.
        before = -first_row * row_step - first_column
        after = (height - 1 - first_row) * row_step + width - first_column + 1
        scores = _without_lines(scores, before, after)
        flat = diagonal_sum(flattened(scores), pitch + 1, 3, lines * pitch)
        return tf.reshape(flat, [-1, lines, pitch])

    def _with_wraparound(self, scores: tf.Tensor) -> tf.Tensor:
        """Scores of all queries with a row more above and below, see the module's docstring."""
        height, width = self.query_size
        count = height * width
        zero = tf.zeros_like(scores[:, :1])
        above, below = scores[:, count - width : count - 1], scores[:, 1:width]
        spare = tf.zeros_like(scores[:, :ALIGNMENT])
        return tf.concat([zero, above, scores[:, :count], below, zero, spare], axis=1)

    def _with_opposite_rows(self, scores, first_row, rows, first_column, row_step) -> tf.Tensor:
        """Scores of a block with the right rows above the first row and below the last.

        `scores` already have a row more on both sides. At the top and the bottom of the map
        it is replaced as `_with_wraparound` does it.
        """
        height, width = self.query_size
        is_first, is_last = first_row <= 0, first_row + rows >= height
        end = (rows + 1) * row_step

        def shifted_row(row, shift):
            """Scores of a row, shifted by columns; zeros for queries outside the map."""
            shifted = self._patch_scores(row, 1, first_column + shift, row_step)[:, :row_step]
            column = first_column + shift + tf.range(row_step)
            inside = (column >= 0) & (column < width)
            return tf.where(inside[:, None], shifted, tf.zeros_like(shifted))

        def replaced():
            above = tf.cond(
                is_first, lambda: shifted_row(height - 1, -1), lambda: scores[:, :row_step]
            )
            below = tf.cond(
                is_last, lambda: shifted_row(0, 1), lambda: scores[:, end : end + row_step]
            )
            inner, spare = scores[:, row_step:end], scores[:, end + row_step :]
            return tf.concat([above, inner, below, spare], axis=1)

        return tf.cond(tf.logical_or(is_first, is_last), replaced, lambda: scores)

    def _fused_scores(self, scores: tf.Tensor, rows, row_step) -> tf.Tensor:
        """Scores after step 4, `[N, rows * row_step, pitch of the logits]`.

        Takes those of one row more above and below, and spare lines. The keys get their
        rows above and below here, which makes lines longer.
        """
        height, width = self.key_size
        count = height * width
        pitch = known_size(self.logit_biases, 2)
        zero = tf.zeros_like(scores[:, :, :1])
        gap = tf.zeros([*tf.unstack(tf.shape(scores)[:2]), pitch - count - 2 * width + 1])
        above, below = scores[:, :, count - width : count - 1], scores[:, :, 1:width]
        scores = tf.concat([zero, above, scores[:, :, :count], below, gap], axis=2)
        flat = diagonal_sum(flattened(scores), row_step * pitch + width, 3, rows * row_step * pitch)
        return tf.reshape(flat, [-1, rows * row_step, pitch])


def _horizontal_triplets(features: tf.Tensor) -> tf.Tensor:
    """Each position with its left and its right neighbour: `[N, h, w, C]` -> `[N, h w, 3 C]`."""
    padded = tf.pad(features, [[0, 0], [0, 0], [1, 1], [0, 0]])
    triplets = tf.concat([padded[:, :, :-2], features, padded[:, :, 2:]], axis=-1)
    return tf.reshape(triplets, [known_size(features, 0), -1, 3 * features.shape[-1]])


def _inverse_norms(features: tf.Tensor) -> tf.Tensor:
    """1 / max(norm, `MIN_NORM`) of the 3 x 3 patch around each position, `[N, h, w, 1]`."""
    squares = tf.reduce_sum(tf.square(tf.cast(features, tf.float32)), axis=-1, keepdims=True)
    squares = tf.pad(squares, [[0, 0], [1, 1], [1, 1], [0, 0]])
    squares = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    squares = squares[:, :, :-2] + squares[:, :, 1:-1] + squares[:, :, 2:]
    return tf.math.rsqrt(tf.maximum(squares, MIN_NORM**2))


def _logit_biases(masks: tf.Tensor | None, key_size: tuple, options: AttentionOptions) -> tf.Tensor:
    """0 for keys without a hole, else `_MASKED_LOGIT`: `[N or 1, 1, pitch of the logits]`.

    A key whose patch touches a hole has score 0 in the softmax and its probability is dropped
    afterwards. One more logit stands for all such keys: 0 plus the logarithm of their number.
    """
    height, width = key_size
    count, fuses = height * width, options.fuse_size == 3
    # The column of that logit: only zeros are summed there.
    place = count + 2 * width if fuses else count
    pitch = pitch_of(count + 4 * width + 2 if fuses else count + width + 3)
    valid = valid_patches(masks, options)
    valid = tf.ones([1, 1, count]) if valid is None else tf.reshape(valid, [-1, 1, count])
    dropped = tf.reduce_sum(1 - valid, axis=-1, keepdims=True)
    together = tf.maximum(tf.math.log(dropped), _MASKED_LOGIT)
    shape = [known_size(valid, 0), 1]
    between, after = (
        tf.fill([*shape, n], _MASKED_LOGIT) for n in (place - count, pitch - place - 1)
    )
    return tf.concat([(1 - valid) * _MASKED_LOGIT, between, together, after], axis=-1)


def _padded(positions: tf.Tensor, before, after) -> tf.Tensor:
    return tf.pad(positions, [[0, 0], [before, after], [0, 0]])


def _margin(width):
    """Number of positions before the first query and after the last that may be asked for."""
    return 3 * width + 4 * ALIGNMENT


def _is_whole(begin, end, size) -> bool:
    """True if all three are known and (begin, end) is all of `size`."""
    return all(isinstance(n, int) for n in (begin, end, size)) and (begin, end) == (0, size)


def _where(one, other, if_equal, if_not):
    """`tf.where(one == other, ...)`, decided at once if both are known."""
    if isinstance(one, int) and isinstance(other, int):
        return if_equal if one == other else if_not
    return tf.where(tf.equal(one, other), if_equal, if_not)


def _without_lines(scores: tf.Tensor, *lines) -> tf.Tensor:
    """`[N, lines, pitch]` with zeros in those lines that exist, and in the last line."""
    batch, count, pitch = (known_size(scores, axis) for axis in range(3))
    inside = [
        tf.where((line >= 0) & (line < count), line, count - 1)
        for line in map(tf.convert_to_tensor, lines)
    ]
    index = tf.reshape(tf.range(batch)[:, None] * count + tf.stack(inside), [-1, 1])
    zeros = tf.zeros([batch * len(lines), pitch])
    flat = tf.reshape(scores, [batch * count, pitch])
    return tf.reshape(tf.tensor_scatter_nd_update(flat, index, zeros), [batch, count, pitch])


def _likeliest(probabilities: tf.Tensor) -> tf.Tensor:
    """Row and column of the first greatest entry, `[N, n, m, H, W]` -> int32 `[N, n, m, 2]`."""
    rows = tf.argmax(tf.reduce_max(probabilities, axis=-1), axis=-1, output_type=tf.int32)
    in_row = tf.gather(probabilities, rows, axis=3, batch_dims=3)
    return tf.stack([rows, tf.argmax(in_row, axis=-1, output_type=tf.int32)], axis=-1)
