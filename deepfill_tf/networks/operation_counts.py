"""Counts the operations of a completion from the tables of the networks.

`CountingStack` has the methods of `ConvStack` and `RegionStack`: a network's description, called
with it, counts what would be computed, and computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.layers import ContextualAttention
from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.networks.conv_stack import ConvSpec
from deepfill_tf.networks.generator import Generator
from deepfill_tf.networks.inside import HALVINGS
from deepfill_tf.networks.region_stack import STRIP_POSITIONS
from deepfill_tf.networks.stage import Stage
from deepfill_tf.ops import Region, details_region, search_operations
from deepfill_tf.ops.attention_blocks import BLOCK_SCORES, rows_per_block
from deepfill_tf.ops.diagonals import ALIGNMENT

# Numbers in memory for each pixel of a crop in which details are copied, as measured.
_DETAIL_NUMBERS = 75


@dataclass
class OperationCounts:
    """Operations of a completion.

    Attributes:
      convolution_products: multiplications of convolutions, those of the search for details too.
      convolution_outputs: numbers that convolutions write, before gates and activations.
      attention_products: multiplications of the attention.
      scores: attention scores; those that several blocks compute count several times.
      block_scores: scores of the largest block, which are in memory together.
      map_numbers: numbers of the largest input and output of a convolution, which are in
        memory together.
      background_numbers: numbers of the features that the attention copies from.
      detail_numbers: numbers that are in memory together when details are copied.
    """

    convolution_products: float = 0
    convolution_outputs: float = 0
    attention_products: float = 0
    scores: float = 0
    block_scores: float = 0
    map_numbers: float = 0
    background_numbers: float = 0
    detail_numbers: float = 0


def count_operations(
    generator: Generator, size: tuple[int, int], boxes: Sequence[Sequence[int]] | None
) -> OperationCounts:
    """Counts the operations of a completion of one image.

    Args:
      generator: a built generator.
      size: height and width of the padded image.
      boxes: regions that are computed alone, see `Generator.refined_in_regions`; None is the
        whole image.

    Example:
      >>> from deepfill_tf.networks import GeneratorV2
      >>> from deepfill_tf.networks.architecture import build_model
      >>> generator = build_model(GeneratorV2(width=4))
      >>> whole = count_operations(generator, (1024, 1024), None)
      >>> hole = count_operations(generator, (1024, 1024), [(480, 480, 544, 544)])
      >>> bool(hole.convolution_products < whole.convolution_products / 4)
      True
    """
    counts = OperationCounts()
    in_regions = boxes is not None
    regions = [_region(box) for box in ([(0, 0, *size)] if boxes is None else boxes)]
    _count_stages(counts, generator, size, regions, in_regions=in_regions)
    smaller, parts = size, regions
    for _ in range(HALVINGS if generator.uses_half_size else 0):
        # Of the holes only the boxes are known. A box that is wide enough may have an inside.
        sides = [min(_size(region)) for region in parts]
        if max(sides, default=0) < generator.least_side_at_half_size:
            break
        smaller, parts = (smaller[0] // 2, smaller[1] // 2), [part.halved() for part in parts]
        _count_stages(counts, generator, smaller, parts, in_regions=in_regions)
    if generator.copies_details:
        _count_details(counts, generator, size, regions)
    return counts


def _count_stages(
    counts: OperationCounts,
    generator: Generator,
    size: tuple[int, int],
    regions: list[Region],
    *,
    in_regions: bool,
) -> None:
    """Adds what both networks compute for regions of an image."""
    for network in filter(None, (generator.coarse, generator.refinement)):
        stack = CountingStack(network, counts, in_regions=in_regions)
        inputs = _CountedMap(lambda region: None, size, generator.channels)
        # The refinement network returns offsets too.
        made = network._forward(stack, inputs, inputs)
        output = made[0] if isinstance(made, tuple) else made
        margin = generator.correction_radius if network is generator.refinement else 0
        for region in regions:
            output.at(_inside(region.grown(margin), size))


def _count_details(
    counts: OperationCounts, generator: Generator, size: tuple[int, int], regions: list[Region]
) -> None:
    """Adds the search for the details of regions of an image."""
    for region in regions:
        products, differences = search_operations(region, generator.channels)
        counts.convolution_products += products
        counts.convolution_outputs += differences
        seen = _area(_inside(details_region(region), size))
        counts.detail_numbers = max(counts.detail_numbers, _DETAIL_NUMBERS * seen)


@dataclass(frozen=True)
class _CountedMap:
    """A feature map; `at(region)` counts what computing the region costs."""

    at: Callable[[Region], None]
    size: tuple[int, int]
    channels: int


class CountingStack:
    """Counterpart of `ConvStack` and `RegionStack` that adds to `counts`.

    Args:
      network: the network that the layers belong to.
      counts: what is added to.
      in_regions: whether regions are computed from their receptive fields, as `RegionStack`
        does; else every map is computed whole.
    """

    def __init__(self, network: Stage, counts: OperationCounts, *, in_regions: bool):
        self._network, self._counts, self._in_regions = network, counts, in_regions

    def apply(self, specs: Iterable[ConvSpec], features: _CountedMap) -> _CountedMap:
        """Output of the last spec's layer for the first one's input."""
        for spec in specs:
            features = self._convolved(spec, features)
        return features

    def _convolved(self, spec: ConvSpec, inputs: _CountedMap) -> _CountedMap:
        layer = getattr(self._network, spec.name)
        border = Region.whole(inputs.size)
        kernel = tf.TensorShape(layer.kernel.shape).as_list()
        # An upsampling layer reads its input once for every two rows and columns.
        taps = kernel[0] * kernel[1] * (4 / 9 if spec.upsample else 1)

        def at(region: Region) -> None:
            seen = layer.input_region(region).intersection(border) if self._in_regions else border
            outputs = _area(region) * kernel[3]
            self._counts.convolution_products += outputs * kernel[2] * taps
            self._counts.convolution_outputs += outputs
            numbers = _area(seen) * kernel[2] + outputs
            self._counts.map_numbers = max(self._counts.map_numbers, numbers)
            inputs.at(seen)

        return _CountedMap(at, spec.output_size(inputs.size), layer.filters)

    @staticmethod
    def pixelwise(function: Callable, *maps: _CountedMap) -> _CountedMap:
        """Stands for a function of single pixels, whose cost is neglected."""

        def at(region: Region) -> None:
            for features in maps:
                features.at(region)

        return _CountedMap(at, maps[0].size, maps[0].channels)

    def attend(
        self, attention: AttentionLayer, features: _CountedMap, masks: _CountedMap
    ) -> tuple[_CountedMap, None]:
        """Stands for the attention of `features` to themselves."""
        height, width = features.size
        rows = max(STRIP_POSITIONS // width, 1) if self._in_regions else height
        for first in range(0, height, rows):
            features.at(Region(np.array([first, 0]), np.array([min(first + rows, height), width])))
        numbers = height * width * features.channels
        self._counts.background_numbers = max(self._counts.background_numbers, numbers)

        def at(region: Region) -> None:
            if isinstance(attention, ContextualAttention):
                self._count_attention(attention, features, region)

        return _CountedMap(at, features.size, features.channels), None

    def _count_attention(
        self, attention: ContextualAttention, features: _CountedMap, region: Region
    ) -> None:
        """Adds what `ops.fast_attention` computes for a region of the foreground."""
        rate, counts = attention.rate, self._counts
        height, width = (n // rate for n in features.size)
        rows, columns = (int(n) // rate + 2 for n in region.end - region.begin)
        rows, columns = min(rows, height), min(columns, width)
        pitch = height * width + 4 * width
        row_lines = columns if columns == width else columns + 2 + ALIGNMENT // 2
        step = int(rows_per_block(tf.constant(rows), [columns, 1, pitch], BLOCK_SCORES))
        for first in range(0, rows, step):
            block = min(step, rows - first)
            # Two rows of neighbours on each side.
            scores = ((block + 4) * row_lines + 3 * ALIGNMENT) * pitch
            values = (block + 1) * (columns + 1) * pitch
            counts.scores += scores
            counts.block_scores = max(counts.block_scores, scores)
            counts.attention_products += features.channels * (3 * scores + rate**2 * values)


def _region(box: Sequence[int]) -> Region:
    return Region(*np.array(box, np.int32).reshape(2, 2))


def _inside(region: Region, size: tuple[int, int]) -> Region:
    return region.intersection(Region(*np.array([[0, 0], size], np.int32)))


def _size(region: Region) -> tuple[int, int]:
    height, width = np.maximum(np.asarray(region.end) - np.asarray(region.begin), 0)
    return int(height), int(width)


def _area(region: Region) -> int:
    return math.prod(_size(region))
