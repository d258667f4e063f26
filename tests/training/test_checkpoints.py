import json

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.training.checkpoints import Checkpoints
from tests.training.small_run import batches, inner_loop, make_players, weights


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps with a moving average, saved."""
    run_dir = tmp_path_factory.mktemp("run")
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    players = make_players(strategy, average_decay=0.9)
    inner_loop(players, strategy).run(batches(strategy, 2), 2)
    checkpoints = Checkpoints(str(run_dir), players)
    assert checkpoints.restore() == 0
    checkpoints.save()
    return run_dir, players


def every_variable(players) -> dict[str, np.ndarray]:
    state = weights(players)
    for kind in ("generator_optimizer", "discriminator_optimizer"):
        optimizer = getattr(players, kind)
        state[f"{kind}/count"] = optimizer.count.numpy()
        for moments in ("first_moments", "second_moments"):
            named = getattr(optimizer, moments).named
            state |= {f"{kind}/{moments}/{k}": v.numpy() for k, v in named.items()}
    if players.average is not None:
        state |= {f"average/{k}": v.numpy() for k, v in players.average.named.items()}
    return state


def test_everything_comes_back(trained):
    run_dir, players = trained
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    fresh = make_players(strategy, seed=7, average_decay=0.9)
    assert Checkpoints(str(run_dir), fresh).restore() == 2
    expected, actual = every_variable(players), every_variable(fresh)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)


def test_two_replicas_go_on_from_one(trained, two_replicas):
    run_dir, players = trained
    mirrored = make_players(two_replicas, seed=7, average_decay=0.9)
    assert Checkpoints(str(run_dir), mirrored).restore() == 2
    for name, value in weights(players).items():
        np.testing.assert_array_equal(weights(mirrored)[name], value, err_msg=name)


def test_another_architecture_is_refused_and_named(trained):
    run_dir, _ = trained
    path = run_dir / "checkpoints" / "architecture.json"
    saved = path.read_text()
    other = json.loads(saved)
    other["generator"]["arguments"]["width"] = 48
    path.write_text(json.dumps(other))
    players = make_players(tf.distribute.OneDeviceStrategy("CPU:0"), average_decay=0.9)
    try:
        with pytest.raises(UserError, match="another generator: width was 48"):
            Checkpoints(str(run_dir), players).restore()
    finally:
        path.write_text(saved)


def test_a_checkpoint_without_the_moving_average_is_refused(trained, tmp_path):
    run_dir, _ = trained
    players = make_players(tf.distribute.OneDeviceStrategy("CPU:0"))
    with pytest.raises(UserError, match="does not fit"):
        Checkpoints(str(run_dir), players).restore()
