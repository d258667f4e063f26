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
    """A coarse network, then a refinement network that sees its completion.

    Args:
      width: channels of the first layer's output, after its gate where it has one.
      channels: channels of the picture.
      convolution: "gated" or "plain".
      padding: of every convolution; "same" as released, see `ops.convolve`.
      attention, attention_options: see `RefinementNetwork`.
      output_activation: of both stages, "tanh" or "clip".
      sees_mask: whether the mask is an input of the refinement network too.
    """

    def __init__(
        self,
        *,
        width: int,
        channels: int,
        convolution: str,
        padding: str,
        attention: str,
        attention_options: dict | None,
        output_activation: str,
        sees_mask: bool,
        name: str,
        dtype,
    ):
        super().__init__(name=name, dtype=dtype)
        common = {
            "width": width,
            "channels": channels,
            "convolution": convolution,
            "padding": padding,
        }
        borrowing = {"attention": attention, "attention_options": dict(attention_options or {})}
        self._arguments = common | borrowing
        common |= {"output_activation": output_activation, "dtype": dtype}
        self.coarse = CoarseNetwork(**common, name="coarse")
        self.refinement = RefinementNetwork(
            **common, **borrowing, sees_mask=sees_mask, name="refinement"
        )

    def call(self, pictures: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        masks = tf.cast(masks, pictures.dtype)  # Keras 2 casts the first argument only
        incomplete = pictures * (1 - masks)
        coarse = self.coarse(incomplete, masks)
        refined, offsets = self.refinement(complete(coarse, incomplete, masks), masks)
        return tf.cast(coarse, tf.float32), tf.cast(refined, tf.float32), offsets

    def get_config(self):
        return {**self._arguments, "name": self.name, "dtype": self.dtype_policy.name}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV1(Generator):
    """The generator of the first paper: 3,601,542 parameters. Arguments: see `Generator`.

    Plain convolutions with ELU, outputs clipped to [-1, 1], and a refinement network
    that sees the mask.
    """

    def __init__(
        self,
        width: int = 32,
        channels: int = 3,
        convolution: str = "plain",
        padding: str = "same",
        attention: str = "contextual",
        attention_options: dict | None = None,
        name: str = "generator",
        dtype=None,
    ):
        super().__init__(
            width=width,
            channels=channels,
            convolution=convolution,
            padding=padding,
            attention=attention,
            attention_options=attention_options,
            output_activation="clip",
            sees_mask=True,
            name=name,
            dtype=dtype,
        )


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV2(Generator):
    """The generator of the second paper: 4,052,478 parameters. Arguments: see `Generator`.

    Gated convolutions, a quarter slimmer (the released program counts channels before
    the gate: its 48 is 24 here), tanh, and a refinement network without the mask.
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
        super().__init__(
            width=width,
            channels=channels,
            convolution=convolution,
            padding=padding,
            attention=attention,
            attention_options=attention_options,
            output_activation="tanh",
            sees_mask=False,
            name=name,
            dtype=dtype,
        )
