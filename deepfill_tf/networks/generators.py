"""The generators of the two papers, as compositions of the same two stages.

    coarse, refined, offsets = generator(images, masks)
    coarse, refined, offsets = generator(images, masks, sketches)     # guided

`images` are float `[N, H, W, channels]` in [-1, 1], `masks` `[N, H, W, 1]` or
`[1, H, W, 1]`, exactly 0 or 1, where 1 is the hole; H and W are multiples of 8.
Under the hole `images` may hold anything finite. `sketches` are like masks, 1 where
there is an edge; only what lies in the hole counts. `coarse` and `refined` are
float32 `[N, H, W, channels]` in [-1, 1], predicted everywhere: what belongs into the
hole is `ops.composite(refined, images, masks)`. `offsets` are the attention's, int32
`[N, H / 8, W / 8, 2]`.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from deepfill_tf.compat import DeferredBuildMixin, keras
from deepfill_tf.networks.coarse import CoarseNetwork
from deepfill_tf.networks.refinement import RefinementNetwork
from deepfill_tf.ops import Region, composite, height_and_width


def inputs_of(batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """What a generator, or `PatchDiscriminator`, is called with.

    Images, masks and, where there are some, sketches.
    """
    return tuple(batch[key] for key in ("image", "mask", "sketch") if key in batch)


# What each paper's generator is made of. The second's is a quarter slimmer (the released
# program counts channels before the gate: its 48 is 24 here).
FIRST_PAPER: dict[str, Any] = {
    "width": 32,
    "convolution": "plain",
    "output_activation": "clip",
    "sees_mask": True,
}
SECOND_PAPER: dict[str, Any] = {
    "width": 24,
    "convolution": "gated",
    "output_activation": "tanh",
    "sees_mask": False,
}


class Generator(DeferredBuildMixin, keras.Model):
    """A coarse network, then a refinement network that sees its completion.

    Args:
      width: channels of the first layer's output, after its gate where it has one.
      channels: channels of the image.
      convolution: "gated", "partial" or "plain".
      padding: of every convolution; "same" as released, see `ops.convolve`.
      attention, attention_options: see `RefinementNetwork`.
      output_activation: of both stages, "tanh" or "clip".
      sees_mask: whether the mask is an input of the refinement network too.
      guided: whether a sketch is an input of the coarse network.
      skips: U-Net skip connections in both stages, see `CoarseNetwork`.
      refinement: False leaves the second stage out; `refined` is `coarse` then.
    """

    def __init__(
        self,
        *,
        width: int,
        channels: int = 3,
        convolution: str,
        padding: str = "same",
        attention: str = "contextual",
        attention_options: dict | None = None,
        output_activation: str,
        sees_mask: bool,
        guided: bool = False,
        skips: bool = False,
        refinement: bool = True,
        name: str = "generator",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        switches = {"sees_mask": sees_mask, "guided": guided, "skips": skips}
        for switch, value in (switches | {"refinement": refinement}).items():
            if not isinstance(value, bool):
                raise ValueError(f"{switch} must be True or False, got {value!r}")
        if guided and convolution == "partial":
            raise ValueError(
                "guided=True does not go with convolution='partial', which sees nothing in the "
                "hole, and so no sketch there"
            )
        common: dict[str, Any] = {
            "width": width,
            "channels": channels,
            "convolution": convolution,
            "padding": padding,
            "output_activation": output_activation,
            "skips": skips,
        }
        refining: dict[str, Any] = {
            "attention": attention,
            "attention_options": dict(attention_options or {}),
            "sees_mask": sees_mask,
        }
        self._arguments = common | refining | {"guided": guided, "refinement": refinement}
        self._guided = guided
        self.coarse = CoarseNetwork(**common, dtype=dtype, name="coarse")
        self.refinement = (
            RefinementNetwork(**common, **refining, dtype=dtype, name="refinement")
            if refinement
            else None
        )

    def call(
        self, images: tf.Tensor, masks: tf.Tensor, sketches: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        if self._guided != (sketches is not None):
            raise ValueError(
                f"a generator with guided={self._guided} takes "
                f"{'images, masks and sketches' if self._guided else 'images and masks'}"
            )
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        incomplete = images * (1 - masks)
        coarse = self.coarse(self._coarse_inputs(incomplete, masks, sketches), masks)
        if self.refinement is None:
            height, width = height_and_width(images)
            offsets = tf.zeros([tf.shape(images)[0], height // 8, width // 8, 2], tf.int32)
            return tf.cast(coarse, tf.float32), tf.cast(coarse, tf.float32), offsets
        refined, offsets = self.refinement(composite(coarse, incomplete, masks), masks)
        return tf.cast(coarse, tf.float32), tf.cast(refined, tf.float32), offsets

    @property
    def supports_regions(self) -> bool:
        """Whether there is `refined_in_regions`."""
        return (
            self.coarse.supports_regions
            and self.refinement is not None
            and self.refinement.supports_regions
        )

    def refined_in_regions(
        self,
        images: tf.Tensor,
        masks: tf.Tensor,
        sketches: tf.Tensor | None,
        regions: tf.Tensor,
    ) -> tf.Tensor:
        """The refined image in the hole, `[1, H, W, channels]`, at the cost of the hole.

        Takes one image and its mask (and sketch), as `call` does, and `regions`, int32
        `[K, 4]`, that cover the hole together: the first row and column of each, and the row and
        column after its last ones. Elsewhere the image comes back, with zeros in the hole.
        """
        refinement = self.refinement
        assert refinement is not None
        masks = tf.cast(masks, images.dtype)
        incomplete = images * (1 - masks)
        inputs = self._coarse_inputs(incomplete, masks, sketches)

        def guess(region):
            return self.coarse.call_on_region(inputs, masks, region)

        def refine(region):
            return refinement.call_on_region(completed, masks, attention_features, region)

        completed = _filled(incomplete, masks, regions, guess)
        attention_features = refinement.attention_features(completed, masks)
        return tf.cast(_filled(incomplete, masks, regions, refine), tf.float32)

    def _coarse_inputs(self, incomplete, masks, sketches) -> tf.Tensor:
        if not self._guided:
            return incomplete
        # One mask and one sketch may serve all images.
        edges = tf.ones_like(incomplete[..., :1]) * tf.cast(sketches, incomplete.dtype) * masks
        return tf.concat([incomplete, edges], axis=-1)

    def get_config(self):
        return {**self._arguments, "name": self.name, "dtype": self.dtype_policy.name}


def _filled(images: tf.Tensor, masks: tf.Tensor, regions: tf.Tensor, predict) -> tf.Tensor:
    """One image with the hole filled by `predict(region)`, region after region."""

    def fill(done, filled):
        region = Region(regions[done, :2], regions[done, 2:])
        patch = composite(predict(region), region.cut(images), region.cut(masks))
        filled = tf.raw_ops.TensorStridedSliceUpdate(
            input=filled,
            begin=tf.concat([[0], region.begin, [0]], axis=0),
            end=tf.concat([[1], region.end, [images.shape[-1]]], axis=0),
            strides=[1, 1, 1, 1],
            value=patch,
        )
        return done + 1, tf.ensure_shape(filled, images.shape)

    _, filled = tf.while_loop(
        lambda done, _: done < tf.shape(regions)[0], fill, [0, images], parallel_iterations=1
    )
    return filled


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV1(Generator):
    """The generator of the first paper: 3,601,542 parameters. Arguments: see `Generator`."""

    def __init__(self, **arguments):
        super().__init__(**FIRST_PAPER | arguments)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV2(Generator):
    """The generator of the second paper: 4,052,478 parameters. Arguments: see `Generator`."""

    def __init__(self, **arguments):
        super().__init__(**SECOND_PAPER | arguments)
