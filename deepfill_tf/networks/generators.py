"""The generators of the two papers, as compositions of the same two stages.

    coarse, refined, offsets = generator(pictures, masks)

`pictures` are float `[N, H, W, channels]` in [-1, 1], `masks` `[N, H, W, 1]` or
`[1, H, W, 1]`, exactly 0 or 1, where 1 is the hole; H and W are multiples of 8.
Under the hole `pictures` may hold anything finite. `coarse` and `refined` are float32
`[N, H, W, channels]` in [-1, 1], predicted everywhere: what belongs into the hole is
`ops.complete(refined, pictures, masks)`. `offsets` are the attention's, int32
`[N, H / 8, W / 8, 2]`.
"""

import tensorflow as tf

from deepfill_tf.compat import BuiltByCalling, keras
from deepfill_tf.networks.coarse import CoarseNetwork
from deepfill_tf.networks.refinement import RefinementNetwork
from deepfill_tf.ops import complete


class Generator(BuiltByCalling, keras.Model):
    """A coarse network, then a refinement network that sees its completion."""

    def __init__(self, *, coarse: CoarseNetwork, refinement: RefinementNetwork, **kwargs):
        super().__init__(**kwargs)
        self.coarse = coarse
        self.refinement = refinement

    def call(self, pictures: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        masks = tf.cast(masks, pictures.dtype)  # Keras 2 casts the first argument only
        incomplete = pictures * (1 - masks)
        coarse = self.coarse(incomplete, masks)
        refined, offsets = self.refinement(complete(coarse, incomplete, masks), masks)
        return tf.cast(coarse, tf.float32), tf.cast(refined, tf.float32), offsets


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV2(Generator):
    """The generator of the second paper: gated convolutions, tanh, 4,052,478 parameters.

    Args:
      width: channels after the first layer's gate. The released program counts those
        before it: its 48 is 24 here.
      channels: channels of the picture.
      convolution: "gated" or "plain".
      padding: of every convolution; "same" as released, see `ops.convolve`.
      attention, attention_options: see `RefinementNetwork`.
    """

    def __init__(
        self,
        width: int = 24,
        channels: int = 3,
        convolution: str = "gated",
        padding: str = "same",
        attention: str = "contextual",
        attention_options: dict | None = None,
        name: str = "generator",
        dtype=None,
    ):
        self._arguments = {
            "width": width,
            "channels": channels,
            "convolution": convolution,
            "padding": padding,
        }
        self._attention_arguments = {
            "attention": attention,
            "attention_options": dict(attention_options or {}),
        }
        common = {**self._arguments, "output_activation": "tanh", "dtype": dtype}
        super().__init__(
            coarse=CoarseNetwork(**common, name="coarse"),
            refinement=RefinementNetwork(**common, **self._attention_arguments, name="refinement"),
            name=name,
            dtype=dtype,
        )

    def get_config(self):
        policy = {"name": self.name, "dtype": self.dtype_policy.name}
        return self._arguments | self._attention_arguments | policy
