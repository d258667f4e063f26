"""First stage of the generators: a coarse prediction of what is in the hole.

    predicted = network(images, masks)

images       float `[N, H, W, C]` in [-1, 1], zeros in the hole; C exceeds `channels` by 1 if a
             sketch is given (guided generators)
masks        `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1; 1 is the hole
predicted    `[N, H, W, channels]` in [-1, 1], in the hole and outside

H and W are multiples of 8, as in all networks. An encoder halves the image's size twice, dilated
("atrous") convolutions let every feature see far into the surroundings of the hole, and a decoder
upsamples twice. Figure 2 and section 3.1 of the first paper.
"""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.networks.conv_stack import ConvSpec, ConvStack, StageOptions
from deepfill_tf.networks.inputs import Inputs, check_given, unpacked
from deepfill_tf.networks.region_stack import LazyFeatures, RegionStack
from deepfill_tf.networks.stage import Stage
from deepfill_tf.ops import with_mask_channels

CONVS = (
    ConvSpec("conv1", 1, kernel_size=5),
    ConvSpec("conv2_downsample", 2, strides=2),
    ConvSpec("conv3", 2),
    ConvSpec("conv4_downsample", 4, strides=2),
    ConvSpec("conv5", 4),
    ConvSpec("conv6", 4),
    ConvSpec("conv7_atrous", 4, dilation_rate=2),
    ConvSpec("conv8_atrous", 4, dilation_rate=4),
    ConvSpec("conv9_atrous", 4, dilation_rate=8),
    ConvSpec("conv10_atrous", 4, dilation_rate=16),
    ConvSpec("conv11", 4),
    ConvSpec("conv12", 4),
    ConvSpec("conv13_upsample", 2, upsample=True),
    ConvSpec("conv14", 2, skip="conv3"),
    ConvSpec("conv15_upsample", 1, upsample=True),
    ConvSpec("conv16", 0.5, skip="conv1"),
    ConvSpec("conv17", None, activation=None),
)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class CoarseNetwork(Stage):
    """Predicts an image from the known part of it: `network(images, masks)`.

    See the module's docstring for shapes and ranges. The defaults are the second paper's.

    Args:
      width: channels of the first layer's output, after its gate if it has one; even. Those of
        the other layers are multiples of it.
      channels: channels of the image.
      convolution: "gated" (second paper), "plain" (first paper) or "partial".
      padding: "same" as released, "symmetric" or "reflect", see `ops.convolve`.
      output_activation: "tanh" (second paper) or "clip" to [-1, 1] (first paper).
      skips: whether there are skip connections as in a U-Net, which the second paper tried and
        dropped: the convolution after each upsampling sees the encoder's features of that size
        too.
      kernel_gain: factor of the initial kernels, see `GeneratorV2`.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> network = CoarseNetwork(width=4)
      >>> images, masks = tf.zeros([2, 16, 24, 3]), tf.ones([1, 16, 24, 1])
      >>> network(images, masks).shape
      TensorShape([2, 16, 24, 3])
    """

    def __init__(
        self,
        width: int = 24,
        channels: int = 3,
        convolution: str = "gated",
        padding: str = "same",
        output_activation: str = "tanh",
        skips: bool = False,
        kernel_gain: float = 1.0,
        name: str | None = None,
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
        super().__init__(options, CONVS, name=name, dtype=dtype)

    def call(
        self, images: Inputs, masks: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        images, masks = unpacked(images, masks)
        check_given("coarse network", masks=masks)
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        return self._forward(ConvStack(self, masks=masks, skips=self.options.skips), images, masks)

    def input_shapes(self) -> list[list[int]]:
        images, masks = super().input_shapes()
        # Ones and the mask are added to the image, and to the sketch if there is one.
        return [[*images[:3], int(self.conv1.kernel.shape[2]) - 2], masks]

    def lazy_output(
        self, images: tf.Tensor, masks: tf.Tensor, *, in_strips: bool = True
    ) -> LazyFeatures:
        return self._forward(RegionStack(self, in_strips=in_strips), images, masks)

    def _forward(self, stack, images, masks):
        inputs = stack.pixelwise(with_mask_channels, images, masks)
        return stack.pixelwise(self._output_activation, stack.apply(CONVS, inputs))
