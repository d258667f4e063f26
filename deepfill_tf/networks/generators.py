"""Generators of the two papers, with the same parts, see `networks.generator`.

`GeneratorV1` and `GeneratorV2` differ by their default arguments only:

                         GeneratorV1    GeneratorV2
    width                32             24
    convolution          "plain"        "gated"
    output_activation    "clip"         "tanh"
    sees_mask            True           False
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deepfill_tf.compat import keras
from deepfill_tf.networks.conv_stack import StageOptions
from deepfill_tf.networks.generator import Generator
from deepfill_tf.networks.refinement import AttentionChoice


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV1(Generator):
    """The first paper's generator, as released: 3,601,542 parameters.

    See `Generator` for shapes and ranges.

    Args:
      width: channels of the first layer's output, after its gate if it has one; even. Those of
        the other layers are multiples of it.
      channels: channels of the image.
      convolution: "gated", "plain" or "partial" (which does not go with `guided`).
      padding: of every convolution; "same" as released, "symmetric" or "reflect".
      attention: a key of `refinement.ATTENTIONS`; "contextual" in both papers.
      attention_options: arguments of the attention's layer, for instance of
        `layers.ContextualAttention`; None is its defaults.
      output_activation: of both stages, "clip" or "tanh".
      sees_mask: whether the mask is an input of the refinement network too.
      guided: whether a sketch is an input of the coarse network.
      skips: whether both stages have skip connections, see `CoarseNetwork`.
      refinement: False leaves the second stage out; `refined` is `coarse` then, but for its border
        correction, and all offsets are zero.
      kernel_gain: factor of the initial kernels of all layers but the last of each stage; those of
        gates are not multiplied. 1 as released: gates begin at one half, and a signal loses a
        factor of three in each layer, so that a new network's output is nearly constant. 3 keeps
        the signal's size with gated convolutions. No effect on weights that are loaded.
      border_correction: standard deviations, in pixels, of the means of errors at known pixels that
        correct `refined` in the hole, see `ops.correct_borders`; wide ones first, such as
        (8.0, 3.0, 1.0). None as released and in both papers: no correction.
      half_size_deviation: far inside a hole `refined` is the image's completion at half its size,
        except in training, see `ops.inside_weights`: where a Gaussian of this standard deviation,
        in pixels, has at most 2 % of its weight on known pixels; partly, where it has at most 35 %.
        Beyond the image's border nothing counts. The inside of a hole at half the size is completed
        at a quarter, likewise: `inside.HALVINGS`, which is not part of model files. 20.0 is the
        default model's. None as released and in both papers: nowhere.
      detail_weight: weight, from 0 to 1, of the details of known pixels that are copied into the
        hole of `refined` except in training, see `ops.copy_details`; 0.95 is the default model's.
        0 as released and in both papers: nothing is copied.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> import tensorflow as tf
      >>> generator = GeneratorV1(width=4)
      >>> images, masks = tf.zeros([2, 16, 24, 3]), tf.ones([1, 16, 24, 1])
      >>> coarse, refined, offsets = generator(images, masks)
      >>> refined.shape, offsets.shape
      (TensorShape([2, 16, 24, 3]), TensorShape([2, 2, 3, 2]))
    """

    def __init__(
        self,
        *,
        width: int = 32,
        channels: int = 3,
        convolution: str = "plain",
        padding: str = "same",
        attention: str = "contextual",
        attention_options: Mapping[str, Any] | None = None,
        output_activation: str = "clip",
        sees_mask: bool = True,
        guided: bool = False,
        skips: bool = False,
        refinement: bool = True,
        kernel_gain: float = 1.0,
        border_correction: Sequence[float] | None = None,
        half_size_deviation: float | None = None,
        detail_weight: float = 0.0,
        name: str = "generator",
        dtype: str | None = None,
    ):
        options = StageOptions(
            width=width,
            channels=channels,
            convolution=convolution,
            padding=padding,
            output_activation=output_activation,
            skips=skips,
            kernel_gain=kernel_gain,
        )
        super().__init__(
            options,
            AttentionChoice(attention, attention_options or {}),
            sees_mask=sees_mask,
            guided=guided,
            refinement=refinement,
            border_correction=border_correction,
            half_size_deviation=half_size_deviation,
            detail_weight=detail_weight,
            name=name,
            dtype=dtype,
        )


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GeneratorV2(Generator):
    """The second paper's generator, as released: 4,052,478 parameters.

    See `Generator` for shapes and ranges. Channels are counted after the gates; the
    released program counts them before: its 48 is the width 24 here.

    Args:
      width: channels of the first layer's output, after its gate if it has one; even. Those of
        the other layers are multiples of it.
      channels: channels of the image.
      convolution: "gated", "plain" or "partial" (which does not go with `guided`).
      padding: of every convolution; "same" as released, "symmetric" or "reflect".
      attention: a key of `refinement.ATTENTIONS`; "contextual" in both papers.
      attention_options: arguments of the attention's layer, for instance of
        `layers.ContextualAttention`; None is its defaults.
      output_activation: of both stages, "clip" or "tanh".
      sees_mask: whether the mask is an input of the refinement network too.
      guided: whether a sketch is an input of the coarse network.
      skips: whether both stages have skip connections, see `CoarseNetwork`.
      refinement: False leaves the second stage out; `refined` is `coarse` then, but for its border
        correction, and all offsets are zero.
      kernel_gain: factor of the initial kernels of all layers but the last of each stage; those of
        gates are not multiplied. 1 as released: gates begin at one half, and a signal loses a
        factor of three in each layer, so that a new network's output is nearly constant. 3 keeps
        the signal's size with gated convolutions. No effect on weights that are loaded.
      border_correction: standard deviations, in pixels, of the means of errors at known pixels that
        correct `refined` in the hole, see `ops.correct_borders`; wide ones first, such as
        (8.0, 3.0, 1.0). None as released and in both papers: no correction.
      half_size_deviation: far inside a hole `refined` is the image's completion at half its size,
        except in training, see `ops.inside_weights`: where a Gaussian of this standard deviation,
        in pixels, has at most 2 % of its weight on known pixels; partly, where it has at most 35 %.
        Beyond the image's border nothing counts. The inside of a hole at half the size is completed
        at a quarter, likewise: `inside.HALVINGS`, which is not part of model files. 20.0 is the
        default model's. None as released and in both papers: nowhere.
      detail_weight: weight, from 0 to 1, of the details of known pixels that are copied into the
        hole of `refined` except in training, see `ops.copy_details`; 0.95 is the default model's.
        0 as released and in both papers: nothing is copied.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> import tensorflow as tf
      >>> generator = GeneratorV2(width=4, guided=True)
      >>> images, masks = tf.zeros([2, 16, 24, 3]), tf.ones([1, 16, 24, 1])
      >>> sketches = tf.zeros([1, 16, 24, 1])
      >>> coarse, refined, offsets = generator(images, masks, sketches)
      >>> refined.shape, offsets.shape
      (TensorShape([2, 16, 24, 3]), TensorShape([2, 2, 3, 2]))
    """

    def __init__(
        self,
        *,
        width: int = 24,
        channels: int = 3,
        convolution: str = "gated",
        padding: str = "same",
        attention: str = "contextual",
        attention_options: Mapping[str, Any] | None = None,
        output_activation: str = "tanh",
        sees_mask: bool = False,
        guided: bool = False,
        skips: bool = False,
        refinement: bool = True,
        kernel_gain: float = 1.0,
        border_correction: Sequence[float] | None = None,
        half_size_deviation: float | None = None,
        detail_weight: float = 0.0,
        name: str = "generator",
        dtype: str | None = None,
    ):
        options = StageOptions(
            width=width,
            channels=channels,
            convolution=convolution,
            padding=padding,
            output_activation=output_activation,
            skips=skips,
            kernel_gain=kernel_gain,
        )
        super().__init__(
            options,
            AttentionChoice(attention, attention_options or {}),
            sees_mask=sees_mask,
            guided=guided,
            refinement=refinement,
            border_correction=border_correction,
            half_size_deviation=half_size_deviation,
            detail_weight=detail_weight,
            name=name,
            dtype=dtype,
        )
