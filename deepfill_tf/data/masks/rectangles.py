"""Rectangular holes (both papers)."""

from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.data.seeds import integers, uniform


@dataclass(frozen=True, kw_only=True)
class RectangleMasks:
    """Boxes somewhere in the image, each shrunk a little around its centre.

    As released the last position of a box is left out, so that it never touches the
    lower or right border.

    Attributes:
      height, width: of the unshrunk box, in pixels.
      max_delta_height, max_delta_width: the most that is taken off, half on each side.
      vertical_margin, horizontal_margin: pixels that a box keeps from the border.
      count: boxes in an image; they may overlap.
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
            if getattr(self, name) < 1:
                raise ValueError(
                    f"RectangleMasks.{name} must be positive, got {getattr(self, name)}"
                )
        for name in ("vertical_margin", "horizontal_margin"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"RectangleMasks.{name} must not be negative, got {getattr(self, name)}"
                )
        for side in ("height", "width"):
            delta, size = getattr(self, f"max_delta_{side}"), getattr(self, side)
            if not 0 <= delta < size:
                raise ValueError(
                    f"RectangleMasks.max_delta_{side} must be in [0, {size}), got {delta}"
                )

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        spans = []
        for starts, taken_off, size, image in self._sides(seeds, height, width):
            places = tf.range(image)
            low, high = (starts + taken_off)[..., None], (starts + size - taken_off)[..., None]
            spans.append((places >= low) & (places < high))
        boxes = spans[0][:, :, :, None] & spans[1][:, :, None, :]
        return tf.cast(tf.reduce_any(boxes, axis=1), tf.float32)[..., None]

    def boxes(self, seeds: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Where each hole's box is, before it is shrunk: what `ops.crop` takes.

        Rows int32 `[N, self.height]` and columns `[N, self.width]`. Raises ValueError where
        an image has several boxes.
        """
        if self.count != 1:
            raise ValueError(
                f"with RectangleMasks.count={self.count} there is no one box around the hole, "
                "which the objective looks at: set it to 1"
            )
        rows, columns = (
            starts + tf.range(size) for starts, _, size, _ in self._sides(seeds, height, width)
        )
        return rows, columns

    def _sides(self, seeds: tf.Tensor, height: int, width: int):
        """For rows and for columns: starts and what is taken off, `[N, count]`, and sizes."""
        rows = self._positions(height, self.height, self.vertical_margin, "height")
        columns = self._positions(width, self.width, self.horizontal_margin, "width")
        shares = tf.reshape(uniform(seeds, self.count * 4), [-1, self.count, 4])
        for place, size, max_delta, share, image in (
            (rows, self.height, self.max_delta_height, shares[..., 0:2], height),
            (columns, self.width, self.max_delta_width, shares[..., 2:4], width),
        ):
            starts = place[0] + integers(share[..., 0], place[1])
            yield starts, integers(share[..., 1], max_delta // 2 + 1), size, image

    def _positions(self, image: int, box: int, margin: int, side: str) -> tuple[int, int]:
        """First position and number of positions of a box along one side."""
        count = image - 2 * margin - box
        if count < 1:
            raise ValueError(
                f"RectangleMasks.{side}={box} with margins of {margin} leaves no room in a "
                f"image of {side} {image}"
            )
        return margin, count
