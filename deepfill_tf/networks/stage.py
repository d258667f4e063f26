"""Common part of a generator's two stages."""

import dataclasses
import math
from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.compat import keras
from deepfill_tf.layers.activations import ACTIVATIONS, activation_named
from deepfill_tf.networks.conv_stack import BuildStack, ConvSpec, StageOptions, add_conv_layers
from deepfill_tf.networks.inputs import zero_inputs
from deepfill_tf.networks.rebuilding import RebuiltOnLoading
from deepfill_tf.networks.region_stack import REGION_KINDS, LazyFeatures

# Heights and widths are multiples of this; see `Stage.size_multiple`.
SIZE_MULTIPLE = 8
# Mirror padding needs feature maps at least as large as itself, and the widest is 16
# (dilation 16) at a quarter of the image's size; reflection needs one pixel more.
_MIN_SIZES = {"symmetric": 64, "reflect": 72}


class Stage(RebuiltOnLoading, keras.Model):
    """A network of `[N, H, W, channels]` -> `[N, H, W, channels]`, made of convolutions.

    Args:
      options: see `StageOptions`, whose fields are arguments of every subclass.
      specs: the convolutions.
    """

    guided = False

    def __init__(
        self,
        options: StageOptions,
        specs: tuple[ConvSpec, ...],
        *,
        name: str | None = None,
        dtype: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.options = options
        if options.output_activation is not None:
            check_choice("output_activation", options.output_activation, ACTIVATIONS)
        self._output_activation = activation_named(options.output_activation)
        add_conv_layers(self, specs, options)

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.options.channels

    @property
    def min_size(self) -> int:
        """Smallest height and width of an image."""
        return self.min_size_for(self.size_multiple)

    @property
    def size_multiple(self) -> int:
        """Number that heights and widths of images are multiples of."""
        return SIZE_MULTIPLE

    def min_size_for(self, multiple: int) -> int:
        """Smallest multiple of `multiple` that the padding allows."""
        return math.ceil(_MIN_SIZES.get(self.options.padding, 1) / multiple) * multiple

    @property
    def supports_regions(self) -> bool:
        """Whether the generator may be computed in regions, by `lazy_output`.

        If not, every completion computes the whole image.
        """
        return self.options.convolution in REGION_KINDS and not self.options.skips

    def build(self, input_shape: tuple) -> None:
        """Creates the variables, for inputs whose first has the shape `input_shape`."""
        if isinstance(input_shape[-1], tuple | list):  # of inputs in one list
            input_shape = input_shape[0]
        pixel, mask = (tf.zeros([1, 1, 1, channels]) for channels in (input_shape[-1], 1))
        self._forward(BuildStack(self, skips=self.options.skips), pixel, mask)
        self.built = True

    def _forward(self, stack, images, masks):
        """The outputs in terms of a `ConvStack`, or of another class with its methods."""
        raise NotImplementedError

    def lazy_output(
        self, images: tf.Tensor, masks: tf.Tensor, *, in_strips: bool = True
    ) -> LazyFeatures:
        """The predicted image, computed region by region; see `RegionStack` for `in_strips`."""
        raise NotImplementedError

    def example_inputs(self) -> tuple[tf.Tensor, ...]:
        """Zeros of the smallest size that the network can be called with."""
        return zero_inputs(
            self.min_size, self.channels, guided=self.guided, dtype=self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype_policy.name,
            **dataclasses.asdict(self.options),
        }
