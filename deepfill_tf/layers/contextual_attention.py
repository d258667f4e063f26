"""The layer around `ops.contextual_attention`."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.ops import (
    Region,
    contextual_attention,
    contextual_attention_region,
    fast_contextual_attention,
    supports_fast,
)

# The reference implementation, and the one that computes the same sooner.
IMPLEMENTATIONS = {"patches": contextual_attention, "fast": fast_contextual_attention}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class ContextualAttention(keras.layers.Layer):
    """Reconstructs the foreground from patches of the background outside the hole.

    Called as `layer(foreground, background, masks)` with features `[N, h, w, C]` and
    `[N, H, W, C]`, and masks of the background's size, `[N, H, W, 1]` or `[1, H, W, 1]`
    (1 is the hole), or None; gives the reconstructed features `[N, h, w, C]` and the integer
    offsets `[N, h / rate, w / rate, 2]`. Without a background the foreground serves as its
    own. See `ops.contextual_attention` for the arguments; `implementation` is "fast" (matrix
    products) or "patches" (as the papers put it), which agree.
    """

    def __init__(
        self,
        patch_size: int = 3,
        stride: int = 1,
        rate: int = 2,
        fuse_size: int = 3,
        softmax_scale: float = 10.0,
        implementation: str = "fast",
        **kwargs,
    ):
        super().__init__(**kwargs)
        named = {"patch_size": patch_size, "stride": stride, "rate": rate, "fuse_size": fuse_size}
        for name, value in named.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if implementation not in IMPLEMENTATIONS:
            raise ValueError(
                f"implementation must be one of {sorted(IMPLEMENTATIONS)}, got {implementation!r}"
            )
        self.patch_size = patch_size
        self.stride = stride
        self.rate = rate
        self.fuse_size = fuse_size
        self.softmax_scale = softmax_scale
        self.implementation = implementation

    def call(
        self,
        foreground: tf.Tensor,
        background: tf.Tensor | None = None,
        masks: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if background is None:
            background = foreground
        return IMPLEMENTATIONS[self.implementation](
            foreground,
            tf.cast(background, foreground.dtype),  # Keras 2 casts the first argument only
            masks,
            patch_size=self.patch_size,
            stride=self.stride,
            rate=self.rate,
            fuse_size=self.fuse_size,
            softmax_scale=self.softmax_scale,
        )

    @property
    def supports_regions(self) -> bool:
        """Whether there is `call_on_region`: the fast form has it."""
        return self.implementation == "fast" and supports_fast(
            patch_size=self.patch_size, stride=self.stride, fuse_size=self.fuse_size
        )

    def call_on_region(
        self, foreground: tf.Tensor, masks: tf.Tensor | None, region: Region
    ) -> tf.Tensor:
        """A part of the reconstructed features, where the foreground is its own background."""
        return contextual_attention_region(
            foreground,
            foreground,
            masks,
            region,
            rate=self.rate,
            fuse_size=self.fuse_size,
            softmax_scale=self.softmax_scale,
        )

    def get_config(self):
        return super().get_config() | {
            "patch_size": self.patch_size,
            "stride": self.stride,
            "rate": self.rate,
            "fuse_size": self.fuse_size,
            "softmax_scale": self.softmax_scale,
            "implementation": self.implementation,
        }
