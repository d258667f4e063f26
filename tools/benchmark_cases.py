"""What `benchmark.py` compares: each case is a list of comparisons."""

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import gin
import numpy as np
import tensorflow as tf
from benchmark_comparisons import Comparison, Settings, Subject, Variant
from benchmark_generators import (
    BFLOAT16,
    NETWORKS,
    PATCHES,
    WHOLE,
    WINDOWS,
    Form,
    compute_as_written,
    convolutions_gflop,
    generator,
)
from benchmark_start_up import start_up
from machine import clocked

from deepfill_tf.compat import keras
from deepfill_tf.configuration import parse
from deepfill_tf.data import RectangleMasks, TrainingData, crop_image, read_image
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import completion_metrics
from deepfill_tf.inference import Inpainter, save_model_directory
from deepfill_tf.layers import ContextualAttention
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.generators import SECOND_PAPER
from deepfill_tf.training.distribution.strategies import make_strategy
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.train_state import TrainState

ADAM = {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}
BATCH_SIZE = 4
# Of the network's input: what makes a generator trace its program costs little at this size.
TRACING_SIZE, TRACING_HOLE = 256, 32

# What stands in the table; the two whose completions are compared are named again below.
NAMES = {
    PATCHES: "as written, whole",
    WHOLE: "fast, whole",
    WINDOWS: "fast, regions",
    BFLOAT16: "fast, regions, bfloat16",
}
# The attention alone and a training step know no regions.
WITHOUT_WINDOWS = {
    "as written": PATCHES,
    "fast": WHOLE,
    "fast, bfloat16": Form(dtype="mixed_bfloat16"),
}
EXACT, ROUNDED = NAMES[WINDOWS], NAMES[BFLOAT16]


def central_hole(height: int, width: int, side: int) -> np.ndarray:
    """uint8 `[height, width]` with a white square of `side` in the middle."""
    mask = np.zeros([height, width], np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    mask[top : top + side, left : left + side] = 255
    return mask


def images_with_hole(
    photographs: Sequence[str], height: int, width: int, hole: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """The photographs, enlarged and cut to the size, and a hole in their middle."""
    images = [crop_image(read_image(path), height, width, 0.5, 0.5) for path in photographs]
    return images, central_hole(height, width, hole)


def completion(
    network: str, form: Form, settings: Settings, height: int, width: int, hole: int
) -> Subject:
    """The completion of the first photograph."""
    built = generator(network, form, settings.width)
    inpainter = Inpainter(built, whole_image=not form.regions)
    small = central_hole(TRACING_SIZE, TRACING_SIZE, TRACING_HOLE)
    inpainter(np.zeros([*small.shape, 3], np.uint8), small)
    [image], mask = images_with_hole(settings.photographs[:1], height, width, hole)
    return Subject(
        clocked(lambda: inpainter(image, mask)),
        complete=inpainter,
        gflop=None if form.regions else convolutions_gflop(built, height, width),
    )


def closeness(
    photographs: Sequence[str], size: tuple[int, int, int], subjects: Mapping[str, Subject]
) -> dict[str, float]:
    """PSNR in the hole of the bfloat16 completion against the float32 one, where both are there."""
    if not {EXACT, ROUNDED} <= set(subjects):
        return {}
    images, mask = images_with_hole(photographs, *size)
    exact, rounded = (
        np.stack([subjects[name].complete(image, mask) for image in images])
        for name in (EXACT, ROUNDED)
    )
    completed = [tf.constant(x, tf.float32) / 127.5 - 1 for x in (rounded, exact)]
    holes = tf.constant(mask[None, :, :, None] / 255, tf.float32)
    holes = tf.repeat(holes, len(images), axis=0)
    return {ROUNDED: float(completion_metrics(*completed, holes)["psnr_in_hole"])}


def completions(
    network: str,
    height: int,
    width: int,
    holes: tuple[int, ...],
    forms: tuple[Form, ...],
    **options,
) -> Callable[[Settings], Iterator[Comparison]]:
    """A case: images of one size, with holes of several sizes, in several forms."""

    def case(settings: Settings) -> Iterator[Comparison]:
        for hole in holes:
            size = (height, width, hole)
            yield Comparison(
                what=f"{network}, {width} x {height}, hole {hole} x {hole}",
                variants=tuple(
                    Variant(NAMES[form], partial(completion, network, form, settings, *size))
                    for form in forms
                ),
                closeness=partial(closeness, settings.photographs, size),
                **options,
            )

    return case


def attention(form: Form, channels: int, side: int) -> Subject:
    """Contextual attention alone, on rectified noise, with a hole of half the side."""
    layer = ContextualAttention(implementation=form.implementation, dtype=form.dtype)
    random = np.random.default_rng(0)
    noise = np.maximum(random.normal(size=[1, side, side, channels]), 0)
    features = tf.constant(noise, layer.compute_dtype)
    mask = central_hole(side, side, side // 2)[None, :, :, None] / 255
    masks = tf.constant(mask, layer.compute_dtype)
    program = tf.function(lambda features, masks: layer(features, features, masks))
    return Subject(clocked(lambda: [x.numpy() for x in program(features, masks)]))


def attention_case(settings: Settings) -> Iterator[Comparison]:
    channels = 4 * (settings.width or SECOND_PAPER["width"])
    for size in (256, 512):
        side = size // 4
        yield Comparison(
            what=f"attention alone, {side} x {side} x {channels}, of an image {size} x {size}",
            variants=tuple(
                Variant(name, partial(attention, form, channels, side))
                for name, form in WITHOUT_WINDOWS.items()
            ),
        )


def training_step(network: str, form: Form, settings: Settings) -> Subject:
    """One update of the discriminator and one of the generator, on the same batch always."""
    keras.utils.set_random_seed(0)
    kind, paper = NETWORKS[network]
    width = settings.width or paper["width"]
    data = TrainingData(train=settings.source, root=os.getcwd(), masks=RectangleMasks())
    parse([f"models/{network}.gin"], [])
    objective = gin.get_configurable("Objective")()
    # The discriminators shrink with the generator.
    gan_width = max(1, objective.gan.width * width // paper["width"])
    objective = dataclasses.replace(
        objective, gan=dataclasses.replace(objective.gan, width=gan_width)
    )
    strategy = make_strategy("one_device")
    with strategy.scope():
        options = {"attention_options": {"implementation": form.implementation}}
        built = build_model(kind(width=width, dtype=form.dtype, **options))
        if form.implementation == "patches":
            compute_as_written(built)
        discriminator = objective.gan.discriminator(dtype=form.dtype)
        objective.build(built, discriminator, data.example(with_box=objective.needs_box))
        state = TrainState(built, discriminator, share_step=True, ema_decay=None, adam=ADAM)
    pipeline = data.pipeline(global_batch_size=BATCH_SIZE, seed=0, with_box=objective.needs_box)
    repeated = tf.data.Dataset.from_tensors(next(iter(pipeline.dataset(0)))).repeat()
    loop = InnerLoop(state, objective, strategy)
    batches = loop.batches(lambda _: repeated)
    return Subject(clocked(lambda: [float(x) for x in loop.run(batches, 1).values()]))


def training(network: str) -> Callable[[Settings], Iterator[Comparison]]:
    def case(settings: Settings) -> Iterator[Comparison]:
        yield Comparison(
            what=f"{network}, training step, 256 x 256, batch {BATCH_SIZE}",
            variants=tuple(
                Variant(name, partial(training_step, network, form, settings))
                for name, form in WITHOUT_WINDOWS.items()
            ),
        )

    return case


def growth_case(settings: Settings) -> Iterator[Comparison]:
    """How time, and the attention's share of it, grow with the image."""
    hole = 128
    for size in (256, 512, 1024, 2048):
        variants = []
        for name, form in (("whole", WHOLE), ("regions", WINDOWS)):
            make = partial(completion, "v2", settings=settings, height=size, width=size, hole=hole)
            without = Form(regions=form.regions, attention="none")
            variants += [
                Variant(name, partial(make, form), without_attention=f"{name}, no attention"),
                Variant(f"{name}, no attention", partial(make, without)),
            ]
        yield Comparison(
            what=f"v2, {size} x {size}, hole {hole} x {hole}",
            variants=tuple(variants),
            most_rounds=3,
            memory=False,
        )


def start_up_case(settings: Settings) -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for form in (PATCHES, WHOLE):
            path = models[form.implementation] = str(Path(folder, form.implementation))
            save_model_directory(
                generator("v2", form, settings.width), path, origin="random numbers"
            )
        yield Comparison(
            what="v2, from the start of a process to the first completed image of 256 x 256",
            variants=tuple(
                Variant(NAMES[form], partial(start_up, models[form.implementation], form.regions))
                for form in (PATCHES, WHOLE, WINDOWS)
            ),
            most_rounds=3,
            memory=False,
        )


ALL_FORMS, WITHOUT_PATCHES = (PATCHES, WHOLE, WINDOWS, BFLOAT16), (WHOLE, WINDOWS, BFLOAT16)
# Name -> function of the settings that gives the case's comparisons.
CASES: dict[str, Callable[[Settings], Iterator[Comparison]]] = {"attention": attention_case}
for _network in ("v2", "v1"):
    CASES |= {
        f"256-{_network}": completions(_network, 256, 256, (128,), ALL_FORMS),
        f"512-{_network}": completions(_network, 512, 512, (256, 128), ALL_FORMS),
        f"1080p-{_network}": completions(_network, 1080, 1920, (200,), WITHOUT_PATCHES),
        f"4k-{_network}": completions(_network, 2160, 3840, (200,), (WHOLE, WINDOWS), single=True),
        f"training-{_network}": training(_network),
    }
CASES |= {"growth": growth_case, "startup": start_up_case}
# They take minutes a call: only where they are asked for.
LEFT_OUT = ("4k-v2", "4k-v1")


def chosen(names: list[str]) -> list[str]:
    """The cases that are named, in the order of `CASES`; "512" means 512-v1 and 512-v2.

    Raises UserError for a name that is no case.
    """
    if not names:
        return [case for case in CASES if case not in LEFT_OUT]
    for name in names:
        if not any(_means(name, case) for case in CASES):
            raise UserError(f"there is no case {name!r}; there are {', '.join(CASES)}")
    return [case for case in CASES if any(_means(name, case) for name in names)]


def _means(name: str, case: str) -> bool:
    return name in (case, case.split("-")[0])
