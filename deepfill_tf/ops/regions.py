"""Parts of feature maps."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Region:
    """A part of a map. It may extend beyond the map.

    Attributes:
      begin: its first row and column, int32 `[2]`.
      end: the row and column after its last ones, int32 `[2]`.
    """

    begin: tf.Tensor
    end: tf.Tensor

    @classmethod
    def whole(cls, size: tuple) -> Region:
        """All of a map of that height and width."""
        return cls(tf.constant([0, 0]), tf.stack(size))

    def common(self, other: Region) -> Region:
        """What it has in common with another."""
        return Region(tf.maximum(self.begin, other.begin), tf.minimum(self.end, other.end))

    def cut(self, images: tf.Tensor, origin: Region | None = None) -> tf.Tensor:
        """That part of `[N, h, w, C]`, which are themselves the part `origin` of a map."""
        begin = self.begin if origin is None else self.begin - origin.begin
        part = tf.slice(
            images,
            tf.concat([[0], begin, [0]], axis=0),
            tf.concat([[-1], self.end - self.begin, [-1]], axis=0),
        )
        return tf.ensure_shape(part, [images.shape[0], None, None, images.shape[3]])

    def margins(self, other: Region) -> tf.Tensor:
        """How far `other` extends beyond it, before and after, in rows and columns: `[2, 2]`."""
        return tf.stack([self.begin - other.begin, other.end - self.end], axis=1)
