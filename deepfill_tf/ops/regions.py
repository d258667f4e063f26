"""Regions of images and feature maps."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Region:
    """A rectangular part of an image or feature map.

    A receptive field may extend beyond the map; `intersection` with the whole map clips it.

    Attributes:
      begin: first row and column, int32 `[2]`.
      end: last row and column plus 1, int32 `[2]`.

    Example:
      >>> region = Region(begin=tf.constant([2, 3]), end=tf.constant([6, 10]))
      >>> tuple(region.crop(tf.zeros([1, 8, 12, 3])).shape)
      (1, 4, 7, 3)
    """

    begin: tf.Tensor
    end: tf.Tensor

    @classmethod
    def whole(cls, size: tuple) -> Region:
        """All of a map of size (height, width)."""
        return cls(tf.constant([0, 0]), tf.stack(size))

    def intersection(self, other: Region) -> Region:
        """The intersection with another region."""
        return Region(tf.maximum(self.begin, other.begin), tf.minimum(self.end, other.end))

    def grown(self, margin: int) -> Region:
        """The region with `margin` more rows and columns on each side."""
        return Region(self.begin - margin, self.end + margin)

    def halved(self) -> Region:
        """The region that covers this one in a map of half the size."""
        return Region(self.begin // 2, (self.end + 1) // 2)

    def doubled(self) -> Region:
        """This region in a map of twice the size."""
        return Region(2 * self.begin, 2 * self.end)

    def crop(self, images: tf.Tensor, origin: Region | None = None) -> tf.Tensor:
        """Crops the region from a map `[N, h, w, C]`, or from the region `origin` of a map.

        It must lie inside.
        """
        begin = self.begin if origin is None else self.begin - origin.begin
        part = tf.slice(
            images,
            tf.concat([[0], begin, [0]], axis=0),
            tf.concat([[-1], self.end - self.begin, [-1]], axis=0),
        )
        return tf.ensure_shape(part, [images.shape[0], None, None, images.shape[3]])

    def margins(self, other: Region) -> tf.Tensor:
        """Pixels by which `other` extends beyond this, ((top, bottom), (left, right)): `[2, 2]`."""
        return tf.stack([self.begin - other.begin, other.end - self.end], axis=1)

    def write(self, images: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Returns images `[N, h, w, C]` whose region holds `values` `[N, n, m, C]`."""
        top, left = tf.unstack(self.begin)
        bottom, right = tf.unstack(self.end)
        rows = images[:, top:bottom]
        rows = tf.concat([rows[:, :, :left], values, rows[:, :, right:]], axis=2)
        return tf.concat([images[:, :top], rows, images[:, bottom:]], axis=1)
