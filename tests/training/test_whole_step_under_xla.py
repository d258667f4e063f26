"""What a TPU compiles: the whole step, updates and all, by XLA from static shapes."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.training.players import Players
from tests.training.small_run import ADAM, inner_loop, weights

NETWORKS = ("quickstart.gin", "quickstart_v1.gin", "quickstart_guided.gin")
SMALL = ["GeneratorV1.width = 4", "GeneratorV2.width = 4", "GAN.width = 4"]


def players_of(trainer) -> Players:
    keras.utils.set_random_seed(0)
    generator = trainer.generator()
    discriminator = trainer.objective.gan.discriminator(guided=trainer.data.guided)
    example = trainer.data.example(with_box=trainer.objective.needs_box)
    trainer.objective.build(generator, discriminator, example)
    return Players(generator, discriminator, share_count=True, average_decay=0.9, adam=ADAM)


@pytest.mark.parametrize("config", NETWORKS)
def test_a_step_compiles_whole_and_computes_the_same(config):
    parse([config, "laptop.gin"], SMALL)
    trainer = configured_trainer()
    pipeline = trainer.data.pipeline(
        global_batch_size=2, seed=0, with_box=trainer.objective.needs_box
    )
    dataset = pipeline.dataset()
    assert all(spec.shape.is_fully_defined() for spec in dataset.element_spec.values())
    batches = list(dataset.take(2))
    strategy = tf.distribute.get_strategy()
    results = []
    for compiled in (False, True):
        players = players_of(trainer)
        loop = inner_loop(players, strategy, trainer.objective)

        @tf.function(jit_compile=compiled)
        def step(first, second, loop=loop):
            return loop.update_discriminator(first), loop.update_generator(second, 1)

        reports = [{name: float(value) for name, value in part.items()} for part in step(*batches)]
        results.append((reports, weights(players)))
    (reports, plain), (compiled_reports, compiled) = results
    for one, two in zip(reports, compiled_reports, strict=True):
        assert two == pytest.approx(one, rel=1e-3, abs=1e-5)
    differences = np.concatenate([np.abs(plain[name] - compiled[name]).ravel() for name in plain])
    assert differences.mean() < 2e-6
    assert differences.max() < 5e-4
