"""The cases of `benchmark.py`: lists of comparisons."""

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import gin
import numpy as np
import tensorflow as tf
from benchmark_comparisons import Comparison, Subject, Variant
from benchmark_generators import (
    BFLOAT16,
    NETWORKS,
    REFERENCE,
    REGIONS,
    WHOLE_IMAGE,
    Variation,
    convolutions_gflop,
    generator,
    upsample_before_convolutions,
)
from benchmark_start_up import start_up
from machine import timed

import deepfill_tf
from deepfill_tf.compat import keras
from deepfill_tf.configuration import parse
from deepfill_tf.data import (
    RectangleMasks,
    TrainingData,
    crop_image,
    list_images,
    read_pixels,
)
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import completion_metrics
from deepfill_tf.inference import Inpainter, save_model_directory
from deepfill_tf.layers import ContextualAttention
from deepfill_tf.networks import GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.training.distribution.strategies import make_strategy
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.train_state import TrainState

ADAM = {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}
BATCH_SIZE = 4
# Width of the generators, None for that of each paper -> comparisons.
Case = Callable[[int | None], Iterator[Comparison]]

PHOTOGRAPHS = str(Path(deepfill_tf.__file__).parent / "photographs")
# Photographs whose completions are compared.
MAX_PHOTOGRAPHS = 8
# Image and hole with which a generator is traced: a small image takes little time.
TRACING_SIZE, TRACING_HOLE = 256, 32

# Variation -> its name in the table of a completion.
NAMES = {
    REFERENCE: "reference, whole image",
    WHOLE_IMAGE: "fast, whole image",
    REGIONS: "fast, regions",
    BFLOAT16: "fast, regions, bfloat16",
}
# The attention alone and training steps are not divided into regions.
WITHOUT_REGIONS = {
    "reference": REFERENCE,
    "fast": WHOLE_IMAGE,
    "fast, bfloat16": Variation(dtype="mixed_bfloat16"),
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
    inpainter = Inpainter(built, whole_image=variation.whole_image)
    small = central_hole(TRACING_SIZE, TRACING_SIZE, TRACING_HOLE)
    inpainter(np.zeros([*small.shape, 3], np.uint8), small)
    [image], mask = images_with_hole(1, height, width, hole)
    return Subject(
        timed(lambda: inpainter(image, mask)),
        complete=inpainter,
        gflop=convolutions_gflop(built, height, width) if variation.whole_image else None,
    )


def psnr_of_bfloat16(
    size: tuple[int, int, int], subjects: Mapping[str, Subject]
) -> dict[str, float]:
    """PSNR in the hole of the bfloat16 completion against the float32 one, if both are measured."""
    exact, rounded = NAMES[REGIONS], NAMES[BFLOAT16]
    if not {exact, rounded} <= set(subjects):
        return {}
    images, mask = images_with_hole(MAX_PHOTOGRAPHS, *size)
    completed = [
        np.stack([subjects[name].complete(image, mask) for image in images])
        for name in (exact, rounded)
    ]
    original, compared = (tf.constant(x, tf.float32) / 127.5 - 1 for x in completed)
    holes = tf.constant(mask[None, :, :, None] / 255, tf.float32)
    holes = tf.repeat(holes, len(images), axis=0)
    return {rounded: float(completion_metrics(compared, original, holes)["psnr_in_hole"])}


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
                psnr_in_hole=partial(psnr_of_bfloat16, size),
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
    return Subject(timed(lambda: [x.numpy() for x in program(features, masks)]))


def attention_case(generator_width: int | None) -> Iterator[Comparison]:
    """Attention alone, in the sizes that it has for images of 256 x 256 and 512 x 512."""
    channels = 4 * (generator_width or GeneratorV2().options.width)
    for size in (256, 512):
        side = size // 4
        yield Comparison(
            what=f"attention alone, {side} x {side} x {channels}, of an image {size} x {size}",
            variants=tuple(
                Variant(name, partial(attention, variation, channels, side))
                for name, variation in WITHOUT_REGIONS.items()
            ),
        )


def training_step(network: str, variation: Variation, generator_width: int | None) -> Subject:
    """One update of the discriminator and one of the generator, always on the same batch."""
    keras.utils.set_random_seed(0)
    kind = NETWORKS[network]
    paper_width = kind().options.width
    width = generator_width or paper_width
    data = TrainingData(train=PHOTOGRAPHS, masks=RectangleMasks())
    parse([f"models/{network}.gin"], [])
    objective = gin.get_configurable("Objective")()
    # The discriminators are scaled like the generator.
    gan_width = max(1, objective.gan.width * width // paper_width)
    objective = dataclasses.replace(
        objective, gan=dataclasses.replace(objective.gan, width=gan_width)
    )
    strategy = make_strategy("one_device")
    with strategy.scope():
        options = {"attention_options": {"implementation": variation.implementation}}
        built = build_model(kind(width=width, dtype=variation.dtype, **options))
        if variation.implementation == "patches":
            upsample_before_convolutions(built)
        discriminator = objective.gan.make_discriminator(dtype=variation.dtype)
        objective.build(built, discriminator, data.example(with_box=objective.needs_box))
        state = TrainState(built, discriminator, share_step=True, ema_decay=None, adam=ADAM)
    pipeline = data.pipeline(global_batch_size=BATCH_SIZE, seed=0, with_box=objective.needs_box)
    repeated = tf.data.Dataset.from_tensors(next(iter(pipeline.dataset(0)))).repeat()
    loop = InnerLoop(state, objective, strategy)
    batches = loop.batches(lambda _: repeated)
    return Subject(timed(lambda: [float(x) for x in loop.run(batches, 1).values()]))


def training(network: str) -> Case:
    """A case: a training step of one of the papers."""

    def case(generator_width: int | None) -> Iterator[Comparison]:
        yield Comparison(
            what=f"{network}, training step, 256 x 256, batch {BATCH_SIZE}",
            variants=tuple(
                Variant(name, partial(training_step, network, variation, generator_width))
                for name, variation in WITHOUT_REGIONS.items()
            ),
        )

    return case


def growth_case(generator_width: int | None) -> Iterator[Comparison]:
    """Growth of the time, and of the attention's fraction of it, with the image's size."""
    hole = 128
    for size in (256, 512, 1024, 2048):
        variants = []
        for name, variation in (("whole image", WHOLE_IMAGE), ("regions", REGIONS)):
            without = dataclasses.replace(variation, attention="none")
            make, make_without = (
                partial(completion, "v2", v, generator_width, size, size, hole)
                for v in (variation, without)
            )
            variants += [
                Variant(name, make, without_attention=f"{name}, no attention"),
                Variant(f"{name}, no attention", make_without),
            ]
        yield Comparison(
            what=f"v2, {size} x {size}, hole {hole} x {hole}",
            variants=tuple(variants),
            memory=False,
        )


def start_up_case(generator_width: int | None) -> Iterator[Comparison]:
    """Time to the first completed image of a process."""
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for variation in (REFERENCE, WHOLE_IMAGE):
            models[variation.implementation] = str(Path(folder, variation.implementation))
            save_model_directory(
                generator("v2", variation, generator_width),
                models[variation.implementation],
                origin="random numbers",
            )
        yield Comparison(
            what="v2, from the start of a process to the first completed image of 256 x 256",
            variants=tuple(
                Variant(NAMES[v], partial(start_up, models[v.implementation], v.whole_image))
                for v in (REFERENCE, WHOLE_IMAGE, REGIONS)
            ),
            memory=False,
        )


FAST = (WHOLE_IMAGE, REGIONS, BFLOAT16)
CASES: dict[str, Case] = {"attention": attention_case}
for _network in ("v2", "v1"):
    CASES |= {
        f"256-{_network}": completions(_network, 256, 256, (128,), (REFERENCE, *FAST)),
        f"512-{_network}": completions(_network, 512, 512, (256, 128), (REFERENCE, *FAST)),
        f"1080p-{_network}": completions(_network, 1080, 1920, (200,), FAST),
        f"4k-{_network}": completions(_network, 2160, 3840, (200,), FAST[:2], single=True),
        f"training-{_network}": training(_network),
    }
CASES |= {"growth": growth_case, "startup": start_up_case}
# Run only if they are named: they take minutes per run.
ON_REQUEST = ("4k-v2", "4k-v1", "growth")


def chosen(names: list[str]) -> list[str]:
    """Names of the cases to run, in the order of `CASES`; "512" means 512-v1 and 512-v2.

    Raises UserError for a name that is not a case.
    """
    if not names:
        return [case for case in CASES if case not in ON_REQUEST]
    for name in names:
        if not any(_matches(name, case) for case in CASES):
            raise UserError(f"there is no case {name!r}; there are {', '.join(CASES)}")
    return [case for case in CASES if any(_matches(name, case) for name in names)]


def _matches(name: str, case: str) -> bool:
    return name in (case, case.split("-")[0])
