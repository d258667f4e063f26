import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.training.players import Players
from tests.reference import reference_path
from tests.reference_networks import (
    assert_record_close,
    record,
    reference_discriminator,
    reference_generator,
    released_discriminator_name,
    released_generator_name,
)
from tests.training.small_run import (
    ADAM,
    batches,
    example_batch,
    inner_loop,
    make_players,
    weights,
)


def one_device():
    return tf.distribute.OneDeviceStrategy("CPU:0")


@pytest.fixture(scope="module")
def reference_step():
    """The recorded iteration, and ours from the same weights, pictures and holes."""
    recorded = np.load(reference_path("training_step_v2.npz"))
    strategy = one_device()
    seed = int(recorded["weights_seed"])
    with strategy.scope():
        players = Players(
            reference_generator(seed),
            reference_discriminator(seed),
            share_count=True,
            average_decay=None,
            adam=ADAM,
        )
    before = weights(players)
    mask = np.maximum(recorded["regular_mask"], recorded["free_mask"]).astype(np.float32)
    images = recorded["photos_bgr"].astype(np.float32) / 127.5 - 1
    batch = {"image": images, "mask": np.repeat(mask[None, :, :, None], len(images), axis=0)}
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    iterator = iter(strategy.distribute_datasets_from_function(lambda _: dataset))
    reports = inner_loop(players, strategy).run(iterator, 1)
    return recorded, players, before, {name: float(value) for name, value in reports.items()}


def test_losses_of_the_recorded_iteration(reference_step):
    recorded, _, _, reports = reference_step
    d_loss, g_loss = recorded["old_u/iteration/d_loss_0"], recorded["old_u/iteration/g_loss"]
    np.testing.assert_allclose(reports["discriminator/loss"], d_loss, rtol=1e-4)
    np.testing.assert_allclose(reports["generator/loss"], g_loss, rtol=1e-4)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_after_one_full_update_of_both_networks(reference_step, network):
    recorded, players, _, _ = reference_step
    differences = []
    for ours, expected in _recorded(recorded, players, network, "value"):
        differences += list(np.abs(record(ours)[2:] - expected[2:]))
    assert len(differences) >= 12 * 16
    assert max(differences) < 5e-4
    assert np.mean(np.array(differences) < 1e-6) >= 0.99


def test_u_after_one_full_update_of_both_networks(reference_step):
    recorded, players, _, _ = reference_step
    count = 0
    for name, variable in players.discriminator_variables.named.items():
        if name.endswith("/u"):
            key = f"old_u/after_iteration/value/{released_discriminator_name(name)}"
            np.testing.assert_allclose(record(variable.numpy())[2:], recorded[key][2:], atol=1e-4)
            count += 1
    assert count == 6


def test_moments_after_one_full_update_of_both_networks(reference_step):
    """The generator's, within what the discriminator before it makes of them.

    The recorded discriminator was updated with the original's gradient (the new `u`), ours
    with the consistent one, so that norms agree less well here than the gradients' own.
    """
    recorded, players, _, _ = reference_step
    optimizer = players.generator_optimizer
    for moments, slot in ((optimizer.first_moments, "Adam"), (optimizer.second_moments, "Adam_1")):
        for name, variable in moments.named.items():
            key = f"after_iteration/slot/{released_generator_name(name)}/{slot}"
            # Second moments square the gradients, and so double their relative difference.
            tolerance = 3e-2 if slot == "Adam" else 6e-2
            assert_record_close(
                variable.numpy(),
                recorded[key],
                tolerance=tolerance,
                norm_tolerance=5e-3,
                what=f"{name} {slot}",
            )


def test_the_count_is_shared_between_both_networks(reference_step):
    recorded, players, _, _ = reference_step
    count = int(players.generator_optimizer.count.numpy())
    assert count == 2
    # The released powers are multiplied once more after each update.
    power = float(recorded["after_iteration/scalar/beta2_power"])
    np.testing.assert_allclose(0.999 ** (count + 1), power, rtol=1e-5)


def _recorded(recorded, players, network, kind):
    bundle = getattr(players, f"{network}_variables")
    name_of = {
        "generator": released_generator_name,
        "discriminator": released_discriminator_name,
    }[network]
    prefix = "old_u/" if network == "discriminator" else ""
    for name, variable in bundle.named.items():
        if not name.endswith("/u"):
            yield variable.numpy(), recorded[f"{prefix}after_iteration/{kind}/{name_of(name)}"]


@pytest.fixture(scope="module")
def one_and_two_replicas(two_replicas):
    """For one replica and for two: gradients of the first step, weights after ten."""
    results = []
    for strategy in (one_device(), two_replicas):
        players = make_players(strategy)
        loop, iterator = inner_loop(players, strategy), batches(strategy, 4)
        first_reports = loop.run(iterator, 1)
        # After one update the first moment is (1 - beta_1) times the summed gradient.
        gradients = {
            f"{kind}/{name}": moment.numpy() / (1 - ADAM["beta_1"])
            for kind in ("generator", "discriminator")
            for name, moment in getattr(players, f"{kind}_optimizer").first_moments.named.items()
        }
        loop.run(iterator, 9)
        results.append((first_reports, gradients, weights(players), players, strategy))
    return results


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
    *_, players, strategy = one_and_two_replicas[1]
    for name, variable in players.discriminator_variables.named.items():
        if name.endswith("/u"):
            first, second = (v.numpy() for v in strategy.experimental_local_results(variable))
            np.testing.assert_array_equal(first, second)


def test_u_moves_once_for_each_evaluation_of_the_discriminator():
    """Two evaluations a step, each one power iteration from the kernel of its time."""
    strategy = one_device()
    players = make_players(strategy)
    loop = inner_loop(players, strategy)
    u = players.discriminator_variables.named["conv1/u"]
    kernel = players.discriminator_variables.named["conv1/convolution/kernel"]

    def iterate(u, kernel):
        matrix = kernel.reshape(-1, kernel.shape[-1])
        v = u @ matrix.T
        u = (v / np.linalg.norm(v)) @ matrix
        return u / np.linalg.norm(u)

    batch = example_batch(2)
    old_u, old_kernel = u.numpy(), kernel.numpy()
    strategy.run(loop.update_discriminator, (batch,))
    np.testing.assert_allclose(u.numpy(), iterate(old_u, old_kernel), atol=1e-5)
    old_u, old_kernel = u.numpy(), kernel.numpy()
    strategy.run(loop.update_generator, (batch,))
    np.testing.assert_allclose(u.numpy(), iterate(old_u, old_kernel), atol=1e-5)


def test_forward_and_backward_pass_compile_under_xla():
    results = []
    for jit_compile in (False, True):
        strategy = one_device()
        players = make_players(strategy)
        loop = inner_loop(players, strategy, jit_compile=jit_compile)
        reports = loop.run(batches(strategy, 2), 2)
        results.append((float(reports["generator/loss"]), weights(players)))
    (plain_loss, plain), (compiled_loss, compiled) = results
    np.testing.assert_allclose(compiled_loss, plain_loss, rtol=1e-4)
    differences = np.concatenate([np.abs(plain[n] - compiled[n]).ravel() for n in plain])
    assert differences.mean() < 2e-6
    assert differences.max() < 5e-4


def test_mixed_bfloat16_trains_float32_weights():
    strategy = one_device()
    players = make_players(strategy, dtype="mixed_bfloat16")
    reports = inner_loop(players, strategy).run(batches(strategy, 2), 1)
    reference = make_players(strategy)
    expected = inner_loop(reference, strategy).run(batches(strategy, 2), 1)
    assert all(v.dtype == tf.float32 for v in players.generator_variables.named.values())
    np.testing.assert_allclose(
        float(reports["generator/l1_refined"]), float(expected["generator/l1_refined"]), rtol=2e-2
    )


def test_the_moving_average_follows_the_weights():
    strategy = one_device()
    players = make_players(strategy, average_decay=0.75)
    name = "coarse/conv1/kernel"
    start = players.average.named[name].numpy()
    loop, iterator = inner_loop(players, strategy), batches(strategy, 2)
    expected = start
    for _ in range(3):
        loop.run(iterator, 1)
        expected = 0.75 * expected + 0.25 * players.generator_variables.named[name].numpy()
    np.testing.assert_allclose(players.average.named[name].numpy(), expected, atol=1e-7)
