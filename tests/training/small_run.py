"""A run small enough for tests: tiny networks on fixed synthetic batches."""

import numpy as np
import tensorflow as tf

from deepfill_tf.networks import GeneratorV2, PatchDiscriminator
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.train_state import TrainState
from tests.paper_objectives import paper_objective

ADAM = {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}
SIZE = 32


def make_state(
    strategy,
    *,
    seed: int = 0,
    ema_decay=None,
    share_step=True,
    dtype=None,
    width: int = 4,
    refinement: bool = False,
    adam=ADAM,
):
    """Small state under a strategy, the same for the same seed; by default of one stage."""
    tf.keras.utils.set_random_seed(seed)
    with strategy.scope():
        generator = GeneratorV2(width=width, refinement=refinement, dtype=dtype)
        discriminator = PatchDiscriminator(width=4, dtype=dtype)
        paper_objective("v2").build(generator, discriminator, example_batch(1))
        return TrainState(
            generator,
            discriminator,
            share_step=share_step,
            ema_decay=ema_decay,
            adam=adam,
        )


def example_batch(count: int, seed: int = 0) -> dict[str, tf.Tensor]:
    """Smooth random images with a box as hole, a different one for each."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(-0.9, 0.9, [count, 4, 4, 3]).astype(np.float32)
    images = tf.image.resize(coarse, [SIZE, SIZE], method="bicubic")
    masks = np.zeros([count, SIZE, SIZE, 1], np.float32)
    for mask, (top, left) in zip(masks, random.integers(0, SIZE // 2, [count, 2]), strict=True):
        mask[top : top + SIZE // 2, left : left + SIZE // 2] = 1
    return {"image": tf.clip_by_value(images, -1, 1), "mask": tf.constant(masks)}


def batches(strategy, global_batch_size: int, batch_indices: int = 64):
    """A distributed iterator over batches that are the same for any number of replicas."""
    batches = dataset(strategy, global_batch_size, batch_indices)
    return iter(strategy.distribute_datasets_from_function(lambda _: batches))


def dataset(strategy, global_batch_size: int, batch_indices: int = 64) -> tf.data.Dataset:
    """The batches of all replicas, one after the other."""
    replicas = strategy.num_replicas_in_sync
    share = global_batch_size // replicas
    examples = [
        example_batch(global_batch_size, seed=batch_index) for batch_index in range(batch_indices)
    ]
    stacked = {key: np.concatenate([e[key] for e in examples]) for key in examples[0]}
    return tf.data.Dataset.from_tensor_slices(stacked).batch(share, drop_remainder=True)


def inner_loop(state, strategy, objective=None, **options) -> InnerLoop:
    return InnerLoop(state, objective or paper_objective("v2"), strategy, **options)


def one_device():
    return tf.distribute.OneDeviceStrategy("CPU:0")


def weights(state) -> dict[str, np.ndarray]:
    """All variables of both networks, copied."""
    named = state.generator_variables.named | {
        f"discriminator/{k}": v for k, v in state.discriminator_variables.named.items()
    }
    return {name: v.numpy().copy() for name, v in named.items()}
