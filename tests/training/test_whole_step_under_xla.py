"""What a TPU compiles: the whole step, updates and all, by XLA from static shapes."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from deepfill_tf.compat import keras
from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.training.train_state import TrainState
from tests.training.small_run import ADAM, inner_loop, weights

# The second paper's generator whole; of the others, whose refinement network has no other kind of
# layer, the first stage with all of their discriminators and losses.
NETWORKS = {
    "quickstart.gin": [],
    "quickstart_v1.gin": ["GeneratorV1.refinement = False"],
    "quickstart_guided.gin": ["GeneratorV2.refinement = False"],
}
SMALL = ["GeneratorV1.width = 4", "GeneratorV2.width = 4", "GAN.width = 4"]


def state_of(trainer) -> TrainState:
    keras.utils.set_random_seed(0)
    generator = trainer.generator()
    discriminator = trainer.objective.gan.make_discriminator(guided=trainer.data.guided)
    example = trainer.data.example(with_box=trainer.objective.needs_box)
    trainer.objective.build(generator, discriminator, example)
    return TrainState(generator, discriminator, share_step=True, ema_decay=0.9, adam=ADAM)


def two_batches(trainer) -> list[dict[str, tf.Tensor]]:
    pipeline = trainer.data.pipeline(
        global_batch_size=2, seed=0, with_box=trainer.objective.needs_box
    )
    dataset = pipeline.dataset()
    assert all(spec.shape.is_fully_defined() for spec in dataset.element_spec.values())
    return list(dataset.take(2))


@pytest.mark.parametrize("config", NETWORKS)
def test_a_step_compiles_whole_and_computes_the_same(config):
    parse([config, "laptop.gin"], [*SMALL, *NETWORKS[config]])
    trainer = configured_trainer()
    batches = two_batches(trainer)
    strategy = tf.distribute.get_strategy()
    results = []
    for compiled in (False, True):
        state = state_of(trainer)
        loop = inner_loop(state, strategy, trainer.objective)

        @tf.function(jit_compile=compiled)
        def step(first, second, loop=loop):
            discriminator = loop.update_discriminator.in_replica(first)
            return discriminator, loop.update_generator.in_replica(second, 1)

        reports = [{name: float(value) for name, value in part.items()} for part in step(*batches)]
        results.append((reports, weights(state)))
    (reports, plain), (compiled_reports, compiled) = results
    for one, two in zip(reports, compiled_reports, strict=True):
        assert two == pytest.approx(one, rel=1e-3, abs=1e-5)
    differences = np.concatenate([np.abs(plain[name] - compiled[name]).ravel() for name in plain])
    assert differences.mean() < 2e-6
    assert differences.max() < 5e-4


@pytest.fixture
def eight_replicas(monkeypatch):
    """A strategy whose replicas are taken for eight, which sum as those of a TPU do.

    There the replica context has XLA sum across the replicas of its program.
    """
    strategy = tf.distribute.get_strategy()

    def all_reduce(self, operation, value):
        assert operation == tf.distribute.ReduceOp.SUM
        groups = tf.constant([list(range(8))])
        return tf.nest.map_structure(
            lambda x: gen_xla_ops.xla_all_reduce(x, groups, "Add", "CrossReplica"), value
        )

    context = type(tf.distribute.get_replica_context())
    monkeypatch.setattr(context, "all_reduce", all_reduce)
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 8)
    return strategy


@pytest.mark.needs_keras_3  # the XLA of TensorFlow 2.15 knows no such sum on processors
@pytest.mark.parametrize("config", NETWORKS)
def test_a_step_of_eight_replicas_lowers_with_static_shapes(config, eight_replicas):
    parse([config, "laptop.gin"], [*SMALL, *NETWORKS[config]])
    trainer = configured_trainer()
    state = state_of(trainer)
    loop = inner_loop(state, eight_replicas, trainer.objective)

    @tf.function(jit_compile=True)
    def step(first, second):
        discriminator = loop.update_discriminator.in_replica(first)
        return discriminator, loop.update_generator.in_replica(second, 1)

    program = step.experimental_get_compiler_ir(*two_batches(trainer))(stage="hlo")
    sums = re.findall(r" all-reduce\(.*", program)
    summed = state.generator.trainable_variables + state.discriminator.trainable_variables
    assert len(sums) > len(summed)  # reports too
    assert all("replica_groups={{0,1,2,3,4,5,6,7}}" in line for line in sums)
    assert "<=" not in program  # a bound of a size that is not known
    assert "custom-call" not in program  # what only a host could do
