"""Computes a region of a network's output from its receptive field only.

A region of a layer's output depends on a larger region of its input, and so it grows from the
last layer back to the image. The columns [200, 300) of an image at the end of `CoarseNetwork`:

    conv17             3 x 3                    [200, 300)   from   [199, 301)
    conv16             3 x 3                    [199, 301)          [198, 302)
    conv15_upsample    2 x, 3 x 3               [198, 302)          [ 98, 152)
    conv14             3 x 3                    [ 98, 152)          [ 97, 153)
    conv13_upsample    2 x, 3 x 3               [ 97, 153)          [ 48,  77)
    conv12, conv11     3 x 3                    [ 48,  77)          [ 46,  79)
    conv10_atrous      3 x 3, dilated by 16     [ 46,  79)          [ 30,  95)
    ...

A receptive field may extend beyond the border of a feature map: `RegionStack` clips it there, and
the layer pads it as it pads the whole map. The computed region equals that part of the whole
output, up to round-off.

`LazyFeatures` are feature maps of which any region can be computed: each requests the receptive
field from its inputs. `RegionStack` makes them with the methods of `ConvStack`, so that networks
have one description for both. `write_features` computes several regions one after the other, in a
loop, and needs memory for one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.networks.conv_stack import ConvSpec
from deepfill_tf.ops import Region, height_and_width, resize_nearest

if TYPE_CHECKING:
    from deepfill_tf.networks.stage import Stage

# Kinds of convolution that compute regions. Partial convolutions would need regions of masks too.
REGION_KINDS = ("gated", "plain")
# Positions of a feature map that are computed at a time if all of it is needed.
STRIP_POSITIONS = 2**16


@dataclass(frozen=True)
class LazyFeatures:
    """A feature map that is computed region by region.

    Attributes:
      at: returns a region of the map, `[N, h, w, C]`; the region lies within the map.
      size: height and width of the whole map, integers or int32 scalars.
      channels: C, if known; `whole` needs it.
    """

    at: Callable[[Region], tf.Tensor]
    size: tuple
    channels: int | None = None

    def whole(self, dtype: tf.DType) -> tf.Tensor:
        """Returns all of one image's map, `[1, H, W, C]` of that type, in horizontal strips.

        Raises ValueError unless `channels` is known.
        """
        if self.channels is None:
            raise ValueError("the channels of features must be known to compute all of them")
        height, width = self.size
        rows = tf.maximum(STRIP_POSITIONS // width, 1)
        first = tf.range(0, height, rows)
        last = tf.minimum(first + rows, height)
        strips = tf.stack([first, tf.zeros_like(first), last, width + tf.zeros_like(first)], axis=1)
        return write_features(tf.zeros([1, height, width, self.channels], dtype), strips, self)


class RegionStack:
    """Counterpart of `ConvStack` for regions: the same methods on lazy features.

    Maps that are passed to it are lazy features or tensors `[N, h, w, C]`.

    Args:
      network: the network that `add_conv_layers` added the layers to, of one of `REGION_KINDS`
        and without skip connections.
      in_strips: whether all features that an attention needs are computed strip by strip, which
        takes a batch of one image.

    Raises ValueError if the network has skip connections.
    """

    def __init__(self, network: Stage, *, in_strips: bool = True):
        if network.options.skips:
            raise ValueError(f"regions of {network.name} need a network without skip connections")
        self._network = network
        self._in_strips = in_strips

    def apply(self, specs: Iterable[ConvSpec], features: LazyFeatures | tf.Tensor) -> LazyFeatures:
        """Output of the last spec's layer for the first one's input."""
        features = _lazy(features)
        for spec in specs:
            features = self._convolved(spec, features)
        return features

    def _convolved(self, spec: ConvSpec, inputs: LazyFeatures) -> LazyFeatures:
        layer = getattr(self._network, spec.name)
        border = Region.whole(inputs.size)

        def at(region: Region) -> tf.Tensor:
            seen = layer.input_region(region).intersection(border)
            return layer.call_on_region(inputs.at(seen), seen, region)

        return LazyFeatures(at, spec.output_size(inputs.size), layer.filters)

    @staticmethod
    def pixelwise(
        function: Callable[..., tf.Tensor], *maps: LazyFeatures | tf.Tensor
    ) -> LazyFeatures:
        """Applies `function`, each pixel of whose result depends on that pixel of `maps` only."""
        lazy = [_lazy(features) for features in maps]
        return LazyFeatures(
            lambda region: function(*(features.at(region) for features in lazy)), lazy[0].size
        )

    def attend(
        self, attention: AttentionLayer, features: LazyFeatures, masks: tf.Tensor
    ) -> tuple[LazyFeatures, None]:
        """Attends every position of `features` to the positions outside the hole of `masks`.

        A region of the result may depend on every background position: all of `features` are
        computed. There are no offsets.
        """
        whole = (
            features.whole(masks.dtype)
            if self._in_strips
            else features.at(Region.whole(features.size))
        )
        small_masks = resize_nearest(masks, *features.size)
        attended = LazyFeatures(
            lambda region: attention.attend_region(whole, small_masks, region), features.size
        )
        return attended, None


def write_features(
    canvas: tf.Tensor, where: Region | tf.Tensor, features: LazyFeatures
) -> tf.Tensor:
    """Returns `canvas` with a region overwritten by `features`, or regions one after the other.

    Args:
      canvas: `[N, H, W, C]`, of the size and type of `features`; N is 1 for regions.
      where: a region, or int32 `[K, 4]`: first row and column of each region, and the row and
        column after its last ones.
    """
    if isinstance(where, Region):
        return where.write(canvas, features.at(where))

    def write_next(done, written):
        region = Region(where[done, :2], where[done, 2:])
        written = tf.raw_ops.TensorStridedSliceUpdate(
            input=written,
            begin=tf.concat([[0], region.begin, [0]], axis=0),
            end=tf.concat([[1], region.end, [canvas.shape[-1]]], axis=0),
            strides=[1, 1, 1, 1],
            value=features.at(region),
        )
        return done + 1, tf.ensure_shape(written, canvas.shape)

    _, written = tf.while_loop(
        lambda done, _: done < tf.shape(where)[0], write_next, [0, canvas], parallel_iterations=1
    )
    return written


def _lazy(features: LazyFeatures | tf.Tensor) -> LazyFeatures:
    if isinstance(features, LazyFeatures):
        return features
    return LazyFeatures(
        lambda region: region.crop(features), height_and_width(features), features.shape[-1]
    )
