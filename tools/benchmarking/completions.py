"""Cases that complete images, and the attention alone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

import deepfill_tf
from benchmarking.comparisons import Comparison, Subject, Variant
from benchmarking.generators import (
    BFLOAT16,
    NETWORKS,
    REFERENCE,
    REGIONS,
    WHOLE_IMAGE,
    Variation,
    convolutions_gflop,
    generator,
)
from benchmarking.machine import measured
from deepfill_tf.compat import keras
from deepfill_tf.data import crop_image, list_images, read_pixels
from deepfill_tf.evaluation import completion_metrics, pool_rows
from deepfill_tf.inference import Inpainter
from deepfill_tf.layers import ContextualAttention
from deepfill_tf.networks import GeneratorV2

# Width of the generators, None for that of each paper -> comparisons.
Case = Callable[[int | None], Iterator[Comparison]]

PHOTOGRAPHS = str(Path(deepfill_tf.__file__).parent / "photographs")
# Photographs whose completions are compared.
MAX_PHOTOGRAPHS = 8
# Image and hole with which a generator is traced: a small image takes little time.
TRACING_SIZE, TRACING_HOLE = 256, 32

# Variation -> its name in the table of a completion.
NAMES = {
    REFERENCE: "reference",
    WHOLE_IMAGE: "fast",
    REGIONS: "regions",
    BFLOAT16: "bfloat16",
}
# The attention alone and training steps are not divided into regions.
WITHOUT_REGIONS = {
    "reference": REFERENCE,
    "fast": WHOLE_IMAGE,
    "bfloat16": Variation(dtype="mixed_bfloat16"),
}


def central_hole(height: int, width: int, side: int) -> np.ndarray:
    """Mask uint8 `[height, width]` with a white square of `side` pixels in the centre."""
    mask = np.zeros([height, width], np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    mask[top : top + side, left : left + side] = 255
    return mask


def images_with_hole(
    count: int, height: int, width: int, hole: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """The first photographs, enlarged and cropped to the size, and a hole in their centre."""
    paths = list_images(PHOTOGRAPHS)[:count]
    images = [crop_image(read_pixels(path), height, width, 0.5, 0.5) for path in paths]
    return images, central_hole(height, width, hole)


def ready_inpainter(built: keras.Model, variation: Variation) -> Inpainter:
    """An inpainter that has traced its program."""
    inpainter = Inpainter(built, whole_image=variation.whole_image)
    small = central_hole(TRACING_SIZE, TRACING_SIZE, TRACING_HOLE)
    for _ in range(2):
        inpainter(np.zeros([*small.shape, 3], np.uint8), small)
    return inpainter


def completion(
    network: str,
    variation: Variation,
    generator_width: int | None,
    height: int,
    width: int,
    hole: int,
) -> Subject:
    """The completion of the first photograph."""
    built = generator(network, variation, generator_width)
    inpainter = ready_inpainter(built, variation)
    [image], mask = images_with_hole(1, height, width, hole)
    return Subject(
        measured(lambda: inpainter(image, mask)),
        gflop=convolutions_gflop(built, height, width) if variation.whole_image else None,
    )


def psnr_of_bfloat16(
    network: str, generator_width: int | None, size: tuple[int, int, int]
) -> dict[str, float]:
    """PSNR in the hole of the bfloat16 completion against the float32 one."""
    images, mask = images_with_hole(MAX_PHOTOGRAPHS, *size)
    completed = []
    for variation in (REGIONS, BFLOAT16):
        inpainter = ready_inpainter(generator(network, variation, generator_width), variation)
        completed.append(np.stack([inpainter(image, mask) for image in images]))
    holes = np.repeat(mask[None, :, :, None] > 127, len(images), axis=0)
    rows = completion_metrics(completed[0], completed[1], holes)
    return {NAMES[BFLOAT16]: pool_rows(rows)["psnr_in_hole"]}


def parameters(
    network: str, generator_width: int | None, height: int, width: int, hole: int
) -> dict:
    """Parameters of a completion, for rivals."""
    return {
        "task": "complete",
        "network": network,
        "height": height,
        "width": width,
        "hole": hole,
        "generator_width": generator_width or NETWORKS[network]().options.width,
    }


def completions(
    network: str,
    height: int,
    width: int,
    holes: tuple[int, ...],
    variations: tuple[Variation, ...],
    **options,
) -> Case:
    """A case: images of one size, with holes of several sizes, in several variations."""

    def case(generator_width: int | None) -> Iterator[Comparison]:
        for hole in holes:
            size = (height, width, hole)
            yield Comparison(
                what=f"{network}, {width} x {height}, hole {hole} x {hole}",
                variants=tuple(
                    Variant(NAMES[v], partial(completion, network, v, generator_width, *size))
                    for v in variations
                ),
                parameters=parameters(network, generator_width, *size),
                psnr_in_hole=partial(psnr_of_bfloat16, network, generator_width, size),
                **options,
            )

    return case


def attention(variation: Variation, channels: int, side: int) -> Subject:
    """Contextual attention alone, on rectified noise, with a hole of half the side."""
    layer = ContextualAttention(implementation=variation.implementation, dtype=variation.dtype)
    random = np.random.default_rng(0)
    noise = np.maximum(random.normal(size=[1, side, side, channels]), 0)
    features = tf.constant(noise, layer.compute_dtype)
    mask = central_hole(side, side, side // 2)[None, :, :, None] / 255
    masks = tf.constant(mask, layer.compute_dtype)
    program = tf.function(lambda features, masks: layer(features, features, masks))
    return Subject(measured(lambda: [x.numpy() for x in program(features, masks)]))


def attention_case(generator_width: int | None) -> Iterator[Comparison]:
    """Attention alone, in the sizes that it has for images of 256 x 256 and 512 x 512."""
    channels = 4 * (generator_width or GeneratorV2().options.width)
    for size in (256, 512):
        side = size // 4
        yield Comparison(
            parameters={
                "task": "attention",
                "generator_width": channels // 4,
                "side": side,
                "channels": channels,
            },
            what=f"attention alone, {side} x {side} x {channels}, of an image {size} x {size}",
            variants=tuple(
                Variant(name, partial(attention, variation, channels, side))
                for name, variation in WITHOUT_REGIONS.items()
            ),
        )


def growth_case(generator_width: int | None) -> Iterator[Comparison]:
    """Growth of the time, and of the attention's fraction of it, with the image's size."""
    hole = 128
    for size in (256, 512, 1024, 2048):
        variants = []
        for name, variation in (("fast", WHOLE_IMAGE), ("regions", REGIONS)):
            without = replace(variation, attention="none")
            make, make_without = (
                partial(completion, "v2", v, generator_width, size, size, hole)
                for v in (variation, without)
            )
            variants += [
                Variant(name, make, without_attention=f"{name} without attention"),
                Variant(f"{name} without attention", make_without),
            ]
        yield Comparison(
            parameters=parameters("v2", generator_width, size, size, hole),
            what=f"v2, {size} x {size}, hole {hole} x {hole}",
            variants=tuple(variants),
        )


FAST = (WHOLE_IMAGE, REGIONS, BFLOAT16)
