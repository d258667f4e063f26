import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.objectives import Objective
from deepfill_tf.schedules import PiecewiseLinear
from tests.paper_objectives import paper_objective
from tests.training.small_run import (
    ADAM,
    batches,
    dataset,
    example_batch,
    inner_loop,
    make_state,
    one_device,
    weights,
)


@pytest.fixture(scope="module")
def one_and_two_replicas(two_replicas):
    """For one replica and for two: gradients of the first step, weights after ten.

    Of the whole generator; the other tests of this file take its first stage alone.
    """
    results = []
    for strategy in (one_device(), two_replicas):
        state = make_state(strategy, refinement=True)
        loop, iterator = inner_loop(state, strategy), batches(strategy, 4)
        first_reports = loop.run(iterator, 1)
        # After one update the first moment is (1 - beta_1) times the summed gradient.
        gradients = {
            f"{kind}/{name}": moment.numpy() / (1 - ADAM["beta_1"])
            for kind in ("generator", "discriminator")
            for name, moment in getattr(state, f"{kind}_optimizer").first_moments.named.items()
        }
        loop.run(iterator, 9)
        results.append((first_reports, gradients, weights(state), state, strategy))
    return results


def test_the_update_traced_while_the_stream_starts_is_the_one_that_runs(two_replicas):
    for strategy in (one_device(), two_replicas):
        loop = inner_loop(make_state(strategy), strategy)
        stream = dataset(strategy, 4, batch_indices=4)
        loop.run(loop.batches(lambda _, stream=stream: stream), 2)
        for update in (loop.update_discriminator, loop.update_generator):
            assert update._run.experimental_get_tracing_count() == 1


def test_gradients_of_two_replicas_agree_with_those_of_one(one_and_two_replicas):
    (_, one, *_), (_, two, *_) = one_and_two_replicas
    for name, gradient in one.items():
        norm = np.linalg.norm(gradient)
        assert np.linalg.norm(gradient - two[name]) <= 1e-4 * norm + 1e-9, name


def test_two_replicas_agree_with_one_after_ten_steps(one_and_two_replicas):
    (_, _, one, *_), (_, _, two, *_) = one_and_two_replicas
    differences = np.concatenate([np.abs(one[name] - two[name]).ravel() for name in one])
    assert differences.mean() < 2e-6
    assert differences.max() < 5e-4


def test_two_replicas_report_what_one_reports(one_and_two_replicas):
    (one, *_), (two, *_) = one_and_two_replicas
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(float(two[name]), float(value), rtol=1e-4, atol=1e-6)


def test_u_is_the_same_on_both_replicas(one_and_two_replicas):
    *_, state, strategy = one_and_two_replicas[1]
    for name, variable in state.discriminator_variables.named.items():
        if name.endswith("/u"):
            first, second = (v.numpy() for v in strategy.experimental_local_results(variable))
            np.testing.assert_array_equal(first, second)


def test_each_update_is_traced_once(monkeypatch):
    traced = []
    for name in ("discriminator_loss", "generator_loss"):
        loss = getattr(Objective, name)

        def recorded(*arguments, name=name, loss=loss):
            traced.append(name)
            return loss(*arguments)

        monkeypatch.setattr(Objective, name, recorded)
    strategy = one_device()
    inner_loop(make_state(strategy), strategy).run(batches(strategy, 4), 2)
    assert traced == ["discriminator_loss", "generator_loss"]


def test_what_tracing_the_generators_update_raises_is_raised(monkeypatch):
    def refuse(*_):
        raise ValueError("no such loss")

    monkeypatch.setattr(Objective, "generator_loss", refuse)
    strategy = one_device()
    with pytest.raises(ValueError, match="no such loss"):
        inner_loop(make_state(strategy), strategy).run(batches(strategy, 4), 1)


def test_u_moves_once_for_each_evaluation_of_the_discriminator():
    """Two evaluations a step, each one power iteration from the kernel of its time."""
    strategy = one_device()
    state = make_state(strategy)
    loop = inner_loop(state, strategy)
    u = state.discriminator_variables.named["conv1/u"]
    kernel = state.discriminator_variables.named["conv1/convolution/kernel"]

    def iterate(u, kernel):
        matrix = kernel.reshape(-1, kernel.shape[-1])
        v = u @ matrix.T
        u = (v / np.linalg.norm(v)) @ matrix
        return u / np.linalg.norm(u)

    batch = example_batch(2)
    old_u, old_kernel = u.numpy(), kernel.numpy()
    strategy.run(loop.update_discriminator.in_replica, (batch,))
    np.testing.assert_allclose(u.numpy(), iterate(old_u, old_kernel), atol=1e-5)
    old_u, old_kernel = u.numpy(), kernel.numpy()
    strategy.run(loop.update_generator.in_replica, (batch,))
    np.testing.assert_allclose(u.numpy(), iterate(old_u, old_kernel), atol=1e-5)


def test_parts_of_a_batch_make_up_one_update():
    """Whole and in two parts: the same `u` after one step, the same weights after ten."""
    results = []
    for parts in (1, 2):
        strategy = one_device()
        state = make_state(strategy)
        loop = inner_loop(state, strategy, gradient_accumulation_steps=parts)
        iterator = batches(strategy, 4)
        first = {name: float(value) for name, value in loop.run(iterator, 1).items()}
        u = state.discriminator_variables.named["conv1/u"].numpy()
        loop.run(iterator, 9)
        assert int(state.generator_optimizer.step.numpy()) == 20
        results.append((first, u, weights(state)))
    (one_reports, one_u, one), (two_reports, two_u, two) = results
    assert one_reports == pytest.approx(two_reports, rel=1e-4)
    np.testing.assert_allclose(two_u, one_u, atol=1e-6)
    differences = np.concatenate([np.abs(one[name] - two[name]).ravel() for name in one])
    assert differences.mean() < 2e-6
    assert differences.max() < 5e-4


@pytest.mark.parametrize("bad", ["image", "weights"])
def test_what_is_not_finite_changes_no_weight_from_then_on(bad):
    """The third of eight batches is bad: the weights stay those after the second."""
    strategy = one_device()
    state = make_state(strategy, ema_decay=0.9)
    loop, good = inner_loop(state, strategy), batches(strategy, 2)
    loop.run(good, 1)
    if bad == "weights":
        state.generator_variables.named["coarse/conv1/bias"].assign_add([np.inf, *[0] * 7])
    before = weights(state)
    spoiled = example_batch(2)
    if bad == "image":
        spoiled["image"] = spoiled["image"].numpy()
        spoiled["image"][0, 0, 0, 0] = np.nan
    loop.run(iter([spoiled, next(good), next(good), next(good)]), 2)
    assert loop.first_non_finite_batch == 2
    after = weights(state)
    for name, value in before.items():
        if not name.endswith("/u"):
            np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert int(state.generator_optimizer.step.numpy()) == 2


def test_stopping_between_steps():
    strategy = one_device()
    loop = inner_loop(make_state(strategy), strategy)
    loop.run(batches(strategy, 2), 5, stop=lambda: len(loop.scalars) == 3)
    assert loop.steps == 3


def test_forward_and_backward_pass_compile_under_xla():
    results = []
    for jit_compile in (False, True):
        strategy = one_device()
        state = make_state(strategy)
        loop = inner_loop(state, strategy, jit_compile=jit_compile)
        reports = loop.run(batches(strategy, 2), 2)
        results.append((float(reports["generator/loss"]), weights(state)))
    (plain_loss, plain), (compiled_loss, compiled) = results
    np.testing.assert_allclose(compiled_loss, plain_loss, rtol=1e-4)
    differences = np.concatenate([np.abs(plain[n] - compiled[n]).ravel() for n in plain])
    assert differences.mean() < 2e-6
    assert differences.max() < 5e-4


def test_mixed_bfloat16_trains_float32_weights():
    strategy = one_device()
    state = make_state(strategy, dtype="mixed_bfloat16")
    reports = inner_loop(state, strategy).run(batches(strategy, 2), 1)
    reference = make_state(strategy)
    expected = inner_loop(reference, strategy).run(batches(strategy, 2), 1)
    assert all(v.dtype == tf.float32 for v in state.generator_variables.named.values())
    np.testing.assert_allclose(
        float(reports["generator/reconstruction_refined"]),
        float(expected["generator/reconstruction_refined"]),
        rtol=2e-2,
    )


def test_the_moving_average_follows_the_weights():
    strategy = one_device()
    state = make_state(strategy, ema_decay=0.75)
    name = "coarse/conv1/kernel"
    start = state.ema.named[name].numpy()
    loop, iterator = inner_loop(state, strategy), batches(strategy, 2)
    expected = start
    for _ in range(3):
        loop.run(iterator, 1)
        expected = 0.75 * expected + 0.25 * state.generator_variables.named[name].numpy()
    np.testing.assert_allclose(state.ema.named[name].numpy(), expected, atol=1e-7)


def test_schedules_follow_the_step_in_every_run_of_the_loop():
    """The learning rate is 0 in the first two steps, the adversarial weight grows by 0.5 a step."""
    strategy = one_device()
    rate = PiecewiseLinear(steps=[1, 2], values=[0.0, 1e-3])
    state = make_state(strategy, adam=ADAM | {"learning_rate": rate})
    objective = paper_objective(
        "v2", adversarial_weight=PiecewiseLinear(steps=[0, 4], values=[0.0, 2.0])
    )
    loop = inner_loop(state, strategy, objective, gradient_accumulation_steps=2)
    iterator = batches(strategy, 4)
    before, found = weights(state), []
    for steps in (2, 1):
        loop.run(iterator, steps)
        for scalars in loop.scalars:
            terms = scalars["generator/reconstruction_coarse"]
            terms += scalars["generator/reconstruction_refined"]
            excess = float(scalars["generator/loss"] - terms)
            found.append(excess / float(scalars["generator/adversarial"]))
        same = [np.array_equal(before[n], v) for n, v in weights(state).items() if "/u" not in n]
        assert all(same) if steps == 2 else not any(same)
    np.testing.assert_allclose(found, [0, 0.5, 1.0], atol=1e-3)
