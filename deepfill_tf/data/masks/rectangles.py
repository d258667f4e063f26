"""Rectangular holes (both papers)."""

from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.data.seeds import integers, uniform


@dataclass(frozen=True, kw_only=True)
class RectangleMasks:
    """Boxes somewhere in the picture, each shrunk a little around its centre.

    As released the last position of a box is left out, so that it never touches the
    lower or right border.

    Attributes:
      height, width: of the unshrunk box, in pixels.
      max_delta_height, max_delta_width: the most that is taken off, half on each side.
      vertical_margin, horizontal_margin: pixels that a box keeps from the border.
      count: boxes in a picture; they may overlap.
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
        rows = self._positions(height, self.height, self.vertical_margin, "height")
        columns = self._positions(width, self.width, self.horizontal_margin, "width")
        shares = tf.reshape(uniform(seeds, self.count * 4), [-1, self.count, 4])
        vertical = _spans(shares[..., 0:2], rows, self.height, self.max_delta_height, height)
        horizontal = _spans(shares[..., 2:4], columns, self.width, self.max_delta_width, width)
        boxes = vertical[:, :, :, None] & horizontal[:, :, None, :]
        return tf.cast(tf.reduce_any(boxes, axis=1), tf.float32)[..., None]

    def _positions(self, picture: int, box: int, margin: int, side: str) -> tuple[int, int]:
        """First position and number of positions of a box along one side."""
        count = picture - 2 * margin - box
        if count < 1:
            raise ValueError(
                f"RectangleMasks.{side}={box} with margins of {margin} leaves no room in a "
                f"picture of {side} {picture}"
            )
        return margin, count


def _spans(shares, positions, box: int, max_delta: int, picture: int) -> tf.Tensor:
    """Rows (or columns) that each box covers, bool `[N, count, picture]`."""
    first, count = positions
    start = first + integers(shares[..., 0], count)
    taken_off = integers(shares[..., 1], max_delta // 2 + 1)
    places = tf.range(picture)
    low, high = (start + taken_off)[..., None], (start + box - taken_off)[..., None]
    return (places >= low) & (places < high)
