"""The generator, a composition of two stages.

    coarse, refined, offsets = generator(images, masks)
    coarse, refined, offsets = generator(images, masks, sketches)     # guided
    coarse, refined, offsets = generator.predict([images, masks])     # NumPy arrays, in batches

images      float `[N, H, W, channels]` in [-1, 1]; in the hole anything finite
masks       `[N, H, W, 1]` or `[1, H, W, 1]`, exactly 0 or 1; 1 is the hole
sketches    as masks, 1 is an edge; edges outside the hole are ignored
coarse      float32 `[N, H, W, channels]` in [-1, 1], the first stage's prediction
refined     float32 `[N, H, W, channels]` in [-1, 1], the second stage's prediction; in the hole
            corrected at its border, if there is `border_correction`, and, except in training, far
            inside replaced by the completion at half and a quarter of the size, if there is a
            `half_size_deviation`, and with details of known pixels, if there is a `detail_weight`
offsets     int32 `[N, H / (4 * rate), W / (4 * rate), 2]`, of the attention

H and W are multiples of `Generator.size_multiple`, by default 8. The `rate` of the attention is
2 by default. Both stages predict the whole image; the completed image is
`ops.composite(refined, images, masks)`. The coarse network sees the image with zeros in the
hole, the refinement network sees it with the coarse prediction there:

    images, masks --- coarse --- composite --- refinement --- refined, offsets
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_bool, check_in_range
from deepfill_tf.compat import build_layer, keras
from deepfill_tf.networks.coarse import CoarseNetwork
from deepfill_tf.networks.conv_stack import StageOptions
from deepfill_tf.networks.inputs import (
    Inputs,
    check_given,
    check_sketches,
    unpacked,
    zero_inputs,
)
from deepfill_tf.networks.inside import HALVINGS, blend_inside, write_inside
from deepfill_tf.networks.rebuilding import RebuiltOnLoading
from deepfill_tf.networks.refinement import (
    AttentionChoice,
    RefinementNetwork,
    size_multiple_for,
)
from deepfill_tf.networks.region_stack import LazyFeatures, RegionStack, write_features
from deepfill_tf.ops import (
    Region,
    composite,
    copy_details,
    correct_borders,
    correction_radius,
    details_region,
    half_size,
    half_size_sketches,
    height_and_width,
    inside_weights,
    least_side_with_inside,
    mirror_pad,
)
from deepfill_tf.ops.control_flow import computed_if

# Largest standard deviation of a border correction, and of the half size's weights, in pixels.
MAX_DEVIATION = 100


class Generator(RebuiltOnLoading, keras.Model):
    """A coarse network, and a refinement network that sees the coarse completion.

    See the module's docstring for shapes and ranges, and `GeneratorV1` for the arguments.
    """

    def __init__(
        self,
        options: StageOptions,
        attention: AttentionChoice,
        *,
        sees_mask: bool,
        guided: bool,
        refinement: bool,
        border_correction: Sequence[float] | None,
        half_size_deviation: float | None,
        detail_weight: float,
        name: str,
        dtype: str | None,
    ):
        super().__init__(name=name, dtype=dtype)
        check_bool("sees_mask", sees_mask)
        check_bool("guided", guided)
        check_bool("refinement", refinement)
        if guided and options.convolution == "partial":
            raise ValueError(
                "guided=True does not go with convolution='partial', which ignores the hole and "
                "with it the sketch in the hole"
            )
        self.guided = guided
        self._attention_choice = attention
        self._sees_mask = sees_mask
        self._border_correction = _checked_deviations(border_correction)
        if half_size_deviation is not None:
            check_in_range(
                "half_size_deviation", half_size_deviation, 0, MAX_DEVIATION, low_open=True
            )
        self._half_size_deviation = float(half_size_deviation or 0)
        check_in_range("detail_weight", detail_weight, 0, 1, high_open=False)
        self._detail_weight = float(detail_weight)
        common = dataclasses.asdict(options)
        self.coarse = CoarseNetwork(**common, name="coarse", dtype=dtype)
        self.refinement = (
            RefinementNetwork(
                **common,
                **dataclasses.asdict(attention),
                sees_mask=sees_mask,
                name="refinement",
                dtype=dtype,
            )
            if refinement
            else None
        )
        # Without refinement the layer serves to check the options, and for the offsets' size.
        layer = self.refinement.attention if self.refinement else attention.layer(dtype)
        self._rate = layer.rate

    @property
    def options(self) -> StageOptions:
        """Options of both stages."""
        return self.coarse.options

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.coarse.channels

    @property
    def min_size(self) -> int:
        """Smallest height and width of an image."""
        return self.coarse.min_size_for(self.size_multiple)

    @property
    def size_multiple(self) -> int:
        """Number that heights and widths of images are multiples of."""
        return size_multiple_for(self._rate)

    @property
    def offsets_stride(self) -> int:
        """Pixels of the image per position of the offsets, along each axis."""
        return 4 * self._rate

    def padded_size(self, size: int | tf.Tensor) -> int | tf.Tensor:
        """The smallest height, or width, from `size` on that images should be padded to.

        With the half size that is a size that needs no padding after `HALVINGS` either.
        """
        return self._padded(size, HALVINGS if self.uses_half_size else 0)

    def _padded(self, size: int | tf.Tensor, halvings: int) -> int | tf.Tensor:
        multiple, least = (n * 2**halvings for n in (self.size_multiple, self.min_size))
        # Of positive numbers alone: ONNX rounds the quotients of others towards zero.
        padded = (size + multiple - 1) // multiple * multiple
        return max(padded, least) if isinstance(size, int) else tf.maximum(padded, least)

    def example_inputs(self) -> tuple[tf.Tensor, ...]:
        """Zeros of the smallest size that the generator can be called with."""
        return zero_inputs(
            self.min_size, self.channels, guided=self.guided, dtype=self.compute_dtype
        )

    def build(self, input_shape=None) -> None:
        """Creates the variables; the channels of the images are known from the arguments."""
        build_layer(self.coarse, (None, None, None, self.channels + self.guided))
        if self.refinement is not None:
            build_layer(self.refinement, (None, None, None, self.channels))
        self.built = True

    def call(
        self,
        images: Inputs,
        masks: tf.Tensor | None = None,
        sketches: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        images, masks, sketches = unpacked(images, masks, sketches)
        check_given("generator", masks=masks)
        check_sketches("generator", self.guided, sketches)
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        incomplete = images * (1 - masks)
        coarse, refined, offsets = self._stages(incomplete, masks, sketches, training)
        if not training and (self.uses_half_size or self.copies_details):
            completed = _composite_float32(refined, incomplete, masks)
            refined, holes = (tf.cast(x, tf.float32) for x in (refined, masks))
            if self.uses_half_size:
                inputs = _given(incomplete, masks, sketches)
                completed = self._with_inside(completed, inputs, HALVINGS)
            if self.copies_details:
                completed = self._with_details(completed, holes)
            refined = composite(completed, refined, holes)
        return tf.cast(coarse, tf.float32), tf.cast(refined, tf.float32), offsets

    def _stages(
        self,
        incomplete: tf.Tensor,
        masks: tf.Tensor,
        sketches: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What `call` returns, but without the completion at half the size, and copied details."""
        coarse = self.coarse(
            self._coarse_inputs(incomplete, masks, sketches), masks, training=training
        )
        if self.refinement is None:
            height, width = (size // self.offsets_stride for size in height_and_width(incomplete))
            offsets = tf.zeros([tf.shape(incomplete)[0], height, width, 2], tf.int32)
            refined = coarse
        else:
            refined, offsets = self.refinement(
                composite(coarse, incomplete, masks), masks, training=training
            )
        return coarse, self._corrected(refined, incomplete, masks), offsets

    def _with_inside(
        self, completed: tf.Tensor, inputs: list[tf.Tensor], halvings: int
    ) -> tf.Tensor:
        """Blends the completion at half the size, itself blended with that of the next half."""
        if not halvings:
            return completed
        half, weights = self._half_size_inputs(inputs, halvings - 1)

        def at_half_size() -> tf.Tensor:
            half_completed = _composite_float32(self._stages(*half)[1], *half[:2])
            return self._with_inside(half_completed, half, halvings - 1)

        half_completed = computed_if(
            tf.reduce_any(weights > 0), at_half_size, lambda: tf.cast(half[0], tf.float32)
        )
        return blend_inside(completed, half_completed, weights, inputs[1])

    @property
    def copies_details(self) -> bool:
        """Whether details of known pixels are copied into the hole, except in training."""
        return self._detail_weight > 0

    @property
    def uses_half_size(self) -> bool:
        """Whether large holes are completed at half the size too, except in training."""
        return self._half_size_deviation > 0

    @property
    def least_side_at_half_size(self) -> int:
        """Pixels; nothing of a hole of fewer across is completed at half the size."""
        return least_side_with_inside(self._half_size_deviation)

    @property
    def correction_radius(self) -> int:
        """Pixels, along each axis, from which `border_correction` carries errors to a pixel."""
        return correction_radius(self._border_correction)

    @property
    def supports_regions(self) -> bool:
        """Whether the generator may be computed in regions, by `refined_in_regions`.

        If not, every completion computes the whole image.
        """
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
        """Refines the hole of one image, computing only regions that cover the hole.

        Args:
          images, masks, sketches: as for a call, of one image; its sizes are `padded_size`s.
          regions: int32 `[K, 4]`: first row and column of each region, and the row and column
            after its last ones. Pixels of the hole outside them are not predicted.

        Returns:
          float32 `[1, H, W, channels]`: `refined` in the hole, `images` elsewhere.
        """

        def complete_all(sizes, weights):
            # From the smallest size that is needed on, in a loop: a program has each operation
            # once.
            regions_at = [regions]
            for _ in weights:
                last = regions_at[-1]
                regions_at.append(tf.concat([last[:, :2] // 2, (last[:, 2:] + 1) // 2], axis=1))
            needed = [tf.cast(tf.reduce_any(w > 0), tf.int32) for w in weights]
            depth = tf.reduce_sum(tf.math.cumprod(tf.stack(needed)))

            def complete_next(level, smaller):
                choices = regions_at, *zip(*sizes, strict=True)
                where, *inputs = (_chosen(level, values) for values in choices)
                completed = self._completed(True, where, *inputs)
                inside = _chosen(tf.minimum(level, len(weights) - 1), weights)
                blended = tf.cond(
                    level < depth,
                    lambda: write_inside(completed, where, smaller, inside, inputs[1]),
                    lambda: completed,
                )
                return level - 1, blended

            image = tf.TensorShape([1, None, None, self.channels])
            return tf.while_loop(
                lambda level, _: level >= 0,
                complete_next,
                [depth, sizes[-1][0]],
                shape_invariants=[tf.TensorShape([]), image],
                parallel_iterations=1,
            )[1]

        return self._refined(images, masks, sketches, regions, True, complete_all)

    def refined_in_region(
        self, images: tf.Tensor, masks: tf.Tensor, sketches: tf.Tensor | None, region: Region
    ) -> tf.Tensor:
        """Refines the holes of images, computing only a region that covers all of them.

        `refined_in_regions` for a batch and one region, without loops around convolutions: other
        runtimes have difficulties with these. It needs more memory.

        Args:
          images, masks, sketches: as for a call; the sizes are `padded_size`s.
          region: not empty; pixels of the holes outside it are not predicted.

        Returns:
          float32 `[N, H, W, channels]`: `refined` in the holes, `images` elsewhere.
        """

        def complete_all(sizes, weights, where=region):
            completed = self._completed(False, where, *sizes[0])
            if not weights:
                return completed
            # Without branches: where nothing is needed, one pixel is computed.
            at_half, factor = where.halved(), tf.cast(tf.reduce_any(weights[0] > 0), tf.int32)
            at_half = Region(at_half.begin * factor, tf.maximum(at_half.end * factor, 1))
            smaller = complete_all(sizes[1:], weights[1:], at_half)
            return write_inside(completed, where, smaller, weights[0], sizes[0][1])

        return self._refined(images, masks, sketches, region, False, complete_all)

    def _refined(
        self,
        images: tf.Tensor,
        masks: tf.Tensor,
        sketches: tf.Tensor | None,
        where: Region | tf.Tensor,
        in_strips: bool,
        complete_all: Callable[[list[list[tf.Tensor]], list[tf.Tensor]], tf.Tensor],
    ) -> tf.Tensor:
        """Refines a region, or regions `[K, 4]`, of images.

        `complete_all(sizes, weights)` returns what `_completed` returns for the first of the
        inputs, blended with the same for the next ones, each of half the size, by their weights.
        """
        masks = tf.cast(masks, images.dtype)
        sketches = None if sketches is None else tf.cast(sketches, images.dtype)
        inputs = _given(images * (1 - masks), masks, sketches)
        if self.uses_half_size:
            sizes, weights = [inputs], []
            for halvings in reversed(range(HALVINGS)):
                half, inside = self._half_size_inputs(sizes[-1], halvings)
                sizes.append(half)
                weights.append(inside)
            completed = complete_all(sizes, weights)
        else:
            completed = self._completed(in_strips, where, *inputs)
        if self.copies_details:
            completed = write_features(
                completed, where, self._regions_with_details(completed, masks)
            )
        return tf.cast(completed, tf.float32)

    def _completed(
        self,
        in_strips: bool,
        where: Region | tf.Tensor,
        incomplete: tf.Tensor,
        masks: tf.Tensor,
        sketches: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Completes a region, or regions `[K, 4]`, of images with both stages."""
        refinement = self.refinement
        assert refinement is not None

        def completed(predicted):
            made = RegionStack.pixelwise(composite, predicted, incomplete, masks)
            return write_features(incomplete, where, made)

        inputs = self._coarse_inputs(incomplete, masks, sketches)
        coarse = completed(self.coarse.lazy_output(inputs, masks, in_strips=in_strips))
        refined = refinement.lazy_output(coarse, masks, in_strips=in_strips)
        return completed(self._corrected_regions(refined, incomplete, masks))

    def _half_size_inputs(
        self, inputs: list[tf.Tensor], halvings: int
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """The stages' inputs at half the size, padded for so many further halvings, and weights.

        The weights, of what is completed at half the size, are float32 `[N or 1, H / 2, W / 2, 1]`.
        """
        incomplete, masks, *sketches = (tf.cast(x, tf.float32) for x in inputs)
        images, holes = half_size(incomplete, masks)
        small = [images, holes, *(half_size_sketches(x * masks) for x in sketches)]
        # Images of `padded_size` need no padding here.
        size = [self._padded(n, halvings) for n in height_and_width(images)]
        half = [tf.cast(mirror_pad(x, *size), self.compute_dtype) for x in small]
        return half, inside_weights(holes, self._half_size_deviation)

    def _corrected(self, refined: tf.Tensor, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        if not self._border_correction:
            return refined
        refined, images, masks = (tf.cast(x, tf.float32) for x in (refined, images, masks))
        return correct_borders(refined, images, masks, self._border_correction)

    def _corrected_regions(
        self, refined: LazyFeatures, images: tf.Tensor, masks: tf.Tensor
    ) -> LazyFeatures:
        """`_corrected`, computed region by region."""
        border = Region.whole(refined.size)

        def at(region: Region) -> tf.Tensor:
            seen = region.grown(self.correction_radius).intersection(border)
            corrected = self._corrected(refined.at(seen), seen.crop(images), seen.crop(masks))
            return tf.cast(region.crop(corrected, origin=seen), images.dtype)

        return LazyFeatures(at, refined.size) if self._border_correction else refined

    def _with_details(self, completed: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        completed, masks = (tf.cast(x, tf.float32) for x in (completed, masks))
        return copy_details(completed, masks, self._detail_weight)

    def _regions_with_details(self, completed: tf.Tensor, masks: tf.Tensor) -> LazyFeatures:
        """`_with_details`, computed region by region."""
        size = height_and_width(completed)

        def at(region: Region) -> tf.Tensor:
            seen = details_region(region).intersection(Region.whole(size))
            detailed = self._with_details(seen.crop(completed), seen.crop(masks))
            return tf.cast(region.crop(detailed, origin=seen), completed.dtype)

        return LazyFeatures(at, size)

    def _coarse_inputs(
        self, incomplete: tf.Tensor, masks: tf.Tensor, sketches: tf.Tensor | None
    ) -> tf.Tensor:
        if not self.guided:
            return incomplete
        # One mask and one sketch may serve all images.
        edges = tf.ones_like(incomplete[..., :1]) * tf.cast(sketches, incomplete.dtype) * masks
        return tf.concat([incomplete, edges], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self.options),
            **dataclasses.asdict(self._attention_choice),
            "sees_mask": self._sees_mask,
            "guided": self.guided,
            "refinement": self.refinement is not None,
            "border_correction": list(self._border_correction) or None,
            "half_size_deviation": self._half_size_deviation or None,
            "detail_weight": self._detail_weight,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }


def _given(*inputs: tf.Tensor | None) -> list[tf.Tensor]:
    """Inputs of the stages, those that are given."""
    return [x for x in inputs if x is not None]


def _chosen(number: tf.Tensor, values: Sequence[tf.Tensor]) -> tf.Tensor:
    """One of the values, by its number."""
    return tf.switch_case(number, [lambda x=x: x for x in values])


def _composite_float32(prediction: tf.Tensor, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    return composite(*(tf.cast(x, tf.float32) for x in (prediction, images, masks)))


def _checked_deviations(border_correction: Sequence[float] | None) -> tuple[float, ...]:
    """The deviations, none for None. Raises ValueError if they are not a sequence of numbers."""
    if border_correction is None:
        return ()
    if isinstance(border_correction, str) or not isinstance(border_correction, Sequence):
        raise ValueError(
            "border_correction must be None or standard deviations such as (8.0, 3.0, 1.0), got "
            f"{border_correction!r}"
        )
    for deviation in border_correction:
        check_in_range("border_correction", deviation, 0, MAX_DEVIATION, low_open=True)
    return tuple(map(float, border_correction))
