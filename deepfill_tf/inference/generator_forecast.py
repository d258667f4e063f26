"""Forecast of a completion with a generator.

Time is a sum over what `networks.operation_counts` counts, in units of how fast this machine
multiplies matrices and adds arrays, which takes a third of a second to measure. Memory is a sum
over the arrays that exist together. The weights of both sums were fitted to measurements, see
docs/performance.md, which says how close forecasts came. Programs that take the processor from this
one while it completes an image make the completion longer than its forecast.
"""

import copy
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.inference.eager_first import CallHistory
from deepfill_tf.inference.forecast import Forecast
from deepfill_tf.inference.strategies import Strategy
from deepfill_tf.networks.generator import Generator
from deepfill_tf.networks.operation_counts import OperationCounts, count_operations

# Weights of the sums, fitted to measurements. Time: that of a product, relative to one in a product
# of large matrices; sums of arrays that take as long as what is done with an output of a
# convolution, and with a score; seconds for each image.
_PRODUCTS = 0.53
_SUMS_PER_OUTPUT = 12.5
_SUMS_PER_SCORE = 20.0
_SECONDS_PER_IMAGE = 0.05
# Seconds more that the first completion of a process takes, and the one that traces.
_SECONDS_OF_FIRST, _SECONDS_OF_TRACING = 0.8, 3.8
# Bytes that TensorFlow takes when it computes for the first time.
_FIRST_BYTES = 2e8
# Numbers in memory: for each pixel of the image, and copies of the attention's background, of the
# largest map of a convolution and of the largest block of scores.
_NUMBERS_PER_PIXEL = 4.0
_BACKGROUNDS = 7.0
_MAPS = 0.75
_BLOCKS = 3.5
# The same, for each pixel of an image that is completed at a lower resolution.
_RESIZING = 10.0


@dataclass(frozen=True)
class Speed:
    """How fast a machine is.

    Attributes:
      products: multiplications a second, in a product of large matrices.
      sums: sums of two numbers a second, in arrays that are larger than the caches.
    """

    products: float
    sums: float


def forecast_of_generator(
    generator: Generator,
    size: tuple[int, int],
    boxes: np.ndarray,
    strategy: Strategy,
    *,
    whole_image: bool = False,
    history: CallHistory | None = None,
    memory_before: float = 0,
    speed: Speed | None = None,
) -> Forecast:
    """Returns the forecast of a completion of one image.

    Args:
      generator: a built generator.
      size: height and width of the image.
      boxes: of the holes, int `[K, 4]`, see `boxes_of_holes`.
      strategy: how it is completed.
      whole_image: whether whole images are computed.
      history: of the inpainter's calls; None: it is traced already. It is not changed.
      memory_before: bytes that the process had before its first completion.
      speed: of the machine; None is this one's.
    """
    speed = speed or machine_speed()
    whole = whole_image or not generator.supports_regions
    history = copy.copy(history)
    seconds, memory = 0.0, 0.0
    if strategy.name == "resize":
        memory = _RESIZING * 4.0 * size[0] * size[1]
    for part, part_boxes in strategy.parts(boxes, size):
        padded = (generator.padded_size(part[0]), generator.padded_size(part[1]))
        counts = count_operations(generator, padded, None if whole else part_boxes.tolist())
        seconds += _seconds(counts, speed)
        if history is not None:
            seconds += _SECONDS_OF_FIRST if history.is_empty else 0
            seconds += _SECONDS_OF_TRACING if history.add(part[0] * part[1]) else 0
        memory = max(memory, _memory(counts, padded))
    return Forecast(seconds, memory_before + _FIRST_BYTES + memory)


@functools.cache
def machine_speed() -> Speed:
    """Measures how fast this machine is, once per process."""
    left = tf.random.stateless_normal([2048, 1024], [0, 0])
    right = tf.random.stateless_normal([1024, 1024], [0, 1])
    numbers = tf.ones([2**23])
    return Speed(
        products=2048 * 1024 * 1024 / _seconds_of(lambda: tf.matmul(left, right)),
        sums=2**23 / _seconds_of(lambda: numbers + numbers),
    )


def _seconds(counts: OperationCounts, speed: Speed) -> float:
    products = counts.convolution_products + counts.attention_products
    sums = _SUMS_PER_OUTPUT * counts.convolution_outputs + _SUMS_PER_SCORE * counts.scores
    return _PRODUCTS * products / speed.products + sums / speed.sums + _SECONDS_PER_IMAGE


def _memory(counts: OperationCounts, size: tuple[int, int]) -> float:
    of_networks = _BACKGROUNDS * counts.background_numbers + max(
        _MAPS * counts.map_numbers, _BLOCKS * counts.block_scores
    )
    # Details are copied when the networks are done.
    return 4 * (_NUMBERS_PER_PIXEL * size[0] * size[1] + max(of_networks, counts.detail_numbers))


def _seconds_of(function: Callable[[], tf.Tensor], repetitions: int = 15) -> float:
    """Returns the median time of several calls, after one that is not counted."""
    times = []
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        # Reading a number waits for an accelerator.
        tf.reshape(function(), [-1])[0].numpy()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[repetitions // 2]
