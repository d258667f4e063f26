"""Rectangular holes (both papers)."""

from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.checks import check_in_range, check_int, check_positive_int
from deepfill_tf.data.seeds import integers, uniform


@dataclass(frozen=True, kw_only=True)
class RectangleMasks:
    """Boxes at random positions, each shrunk by a random amount around its centre.

    As released, a box never takes its last possible position, so that it never touches the
    lower or right border.

    Attributes:
      height, width: size of the box before it is shrunk, in pixels.
      max_delta_height, max_delta_width: greatest reduction of the box, half on each side, in
        pixels; in [0, height) and [0, width).
      vertical_margin, horizontal_margin: least distance of a box from the border, in pixels.
      count: number of boxes in an image; they may overlap.
    """

    height: int = 128
    width: int = 128
    max_delta_height: int = 32
    max_delta_width: int = 32
    vertical_margin: int = 0
    horizontal_margin: int = 0
    count: int = 1

    def __post_init__(self):
        for name in ("height", "width", "count"):
            check_positive_int(f"RectangleMasks.{name}", getattr(self, name))
        for name in ("vertical_margin", "horizontal_margin"):
            check_int(f"RectangleMasks.{name}", getattr(self, name), 0)
        for side in ("height", "width"):
            name, delta = f"RectangleMasks.max_delta_{side}", getattr(self, f"max_delta_{side}")
            check_in_range(name, check_int(name, delta, 0), 0, getattr(self, side))

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Masks float32 `[N, height, width, 1]` for seeds int64 `[N, 2]`.

        Raises ValueError if a box does not fit into the image.
        """
        spans = []
        for starts, deltas, size, image_size in self._sides(seeds, height, width):
            pixels = tf.range(image_size)
            low, high = (starts + deltas)[..., None], (starts + size - deltas)[..., None]
            spans.append((pixels >= low) & (pixels < high))
        boxes = spans[0][:, :, :, None] & spans[1][:, :, None, :]
        return tf.cast(tf.reduce_any(boxes, axis=1), tf.float32)[..., None]

    def boxes(self, seeds: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Rows and columns of each hole's box before it is shrunk, as `ops.crop` takes them.

        Returns int32 `[N, self.height]` and `[N, self.width]`. Raises ValueError if an image
        has several boxes.
        """
        if self.count != 1:
            raise ValueError(
                f"RectangleMasks.count must be 1 for an objective that needs the box around the "
                f"hole, got {self.count}"
            )
        rows, columns = (
            starts + tf.range(size) for starts, _, size, _ in self._sides(seeds, height, width)
        )
        return rows, columns

    def _sides(self, seeds: tf.Tensor, height: int, width: int):
        """Yields, for rows and for columns, starts and deltas int32 `[N, count]`, and sizes.

        A box begins `delta` pixels after its start and ends as many before start + size.
        """
        rows = self._positions(height, self.height, self.vertical_margin, "height")
        columns = self._positions(width, self.width, self.horizontal_margin, "width")
        random = tf.reshape(uniform(seeds, self.count * 4), [-1, self.count, 4])
        for (first, count), size, max_delta, fractions, image_size in (
            (rows, self.height, self.max_delta_height, random[..., 0:2], height),
            (columns, self.width, self.max_delta_width, random[..., 2:4], width),
        ):
            starts = first + integers(fractions[..., 0], count)
            yield starts, integers(fractions[..., 1], max_delta // 2 + 1), size, image_size

    def _positions(self, image_size: int, box: int, margin: int, side: str) -> tuple[int, int]:
        """First position and number of positions of a box along one side."""
        count = image_size - 2 * margin - box
        if count < 1:
            raise ValueError(
                f"RectangleMasks.{side}={box} with margins of {margin} does not fit into an "
                f"image of {side} {image_size}"
            )
        return margin, count
