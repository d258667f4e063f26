import gc
import json
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.storage.checkpoints import Checkpoints
from tests.training.small_run import batches, inner_loop, make_state, weights


def checkpoints_of(run_dir, state, **options) -> Checkpoints:
    """As training makes them."""
    networks = {"generator": state.generator, "discriminator": state.discriminator}
    return Checkpoints(
        str(run_dir),
        step=state.step,
        bundles=state.bundles(),
        architectures={name: architecture_of(network) for name, network in networks.items()},
        **options,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps with a moving average, saved."""
    run_dir = tmp_path_factory.mktemp("run")
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    state = make_state(strategy, ema_decay=0.9)
    inner_loop(state, strategy).run(batches(strategy, 2), 2)
    checkpoints = checkpoints_of(run_dir, state)
    assert checkpoints.restore() == 0
    checkpoints.make_directory()
    checkpoints.save()
    return run_dir, state


def every_variable(state) -> dict[str, np.ndarray]:
    variables = weights(state)
    for kind in ("generator_optimizer", "discriminator_optimizer"):
        optimizer = getattr(state, kind)
        variables[f"{kind}/step"] = optimizer.step.numpy()
        for moments in ("first_moments", "second_moments"):
            named = getattr(optimizer, moments).named
            variables |= {f"{kind}/{moments}/{k}": v.numpy() for k, v in named.items()}
    if state.ema is not None:
        variables |= {f"ema/{k}": v.numpy() for k, v in state.ema.named.items()}
    return variables


def test_everything_comes_back(trained):
    run_dir, state = trained
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    fresh = make_state(strategy, seed=7, ema_decay=0.9)
    assert checkpoints_of(run_dir, fresh).restore() == 2
    expected, actual = every_variable(state), every_variable(fresh)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)


def test_two_replicas_go_on_from_one(trained, two_replicas):
    run_dir, state = trained
    mirrored = make_state(two_replicas, seed=7, ema_decay=0.9)
    assert checkpoints_of(run_dir, mirrored).restore() == 2
    for name, value in weights(state).items():
        np.testing.assert_array_equal(weights(mirrored)[name], value, err_msg=name)


def change_architecture(run_dir, **arguments):
    """Makes a run's `architecture.json` say other arguments of the generator."""
    path = run_dir / "checkpoints" / "architecture.json"
    architecture = json.loads(path.read_text())
    architecture["generator"]["arguments"].update(arguments)
    path.write_text(json.dumps(architecture))
    return path


def test_another_architecture_is_refused_and_named(trained, tmp_path):
    run_dir = shutil.copytree(trained[0], tmp_path / "run")
    change_architecture(run_dir, width=48)
    state = make_state(tf.distribute.OneDeviceStrategy("CPU:0"), ema_decay=0.9)
    with pytest.raises(UserError, match="another generator: width was 48"):
        checkpoints_of(run_dir, state).restore()


def test_another_architecture_goes_on_where_that_is_allowed(trained, tmp_path, caplog):
    """It says so, and from then on the run's networks are the new ones."""
    run_dir = shutil.copytree(trained[0], tmp_path / "run")
    path = change_architecture(run_dir, attention="none")
    state = make_state(tf.distribute.OneDeviceStrategy("CPU:0"), seed=7, ema_decay=0.9)
    checkpoints = checkpoints_of(run_dir, state)
    assert checkpoints.restore(allow_change=True) == 2
    assert "another generator: attention was 'none'" in caplog.text
    checkpoints.make_directory()
    original = trained[0] / "checkpoints" / "architecture.json"
    assert json.loads(path.read_text()) == json.loads(original.read_text())


def test_weights_of_other_shapes_are_refused_even_where_a_change_is_allowed(trained, tmp_path):
    run_dir = shutil.copytree(trained[0], tmp_path / "run")
    change_architecture(run_dir, width=48)
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    state = make_state(strategy, ema_decay=0.9, width=6)
    with pytest.raises(UserError, match="does not fit .* another generator: width was 48"):
        checkpoints_of(run_dir, state).restore(allow_change=True)


@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.9, "share_step": False}])
def test_other_variables_are_refused_without_a_log_of_tensorflow(trained, caplog, options):
    run_dir, _ = trained
    state = make_state(tf.distribute.OneDeviceStrategy("CPU:0"), **options)
    tf.get_logger().addHandler(caplog.handler)
    try:
        with pytest.raises(UserError, match="does not fit .* restore the setting or pass another"):
            checkpoints_of(run_dir, state).restore()
        gc.collect()
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert not caplog.records


def test_a_run_is_compared_before_its_checkpoint_is_restored(trained, tmp_path):
    def refuse():
        raise UserError("another configuration")

    checkpoints = checkpoints_of(trained[0], fresh_state())
    with pytest.raises(UserError, match="another configuration"):
        checkpoints.restore(before_restore=refuse)
    assert checkpoints_of(tmp_path, fresh_state()).restore(before_restore=refuse) == 0


@pytest.fixture
def two_saved(trained, tmp_path):
    """A copy of that run, and a newer checkpoint of the same weights."""
    run_dir = shutil.copytree(trained[0], tmp_path / "run")
    newest = shutil.copytree(run_dir / "checkpoints/step-2", run_dir / "checkpoints/step-3")
    return run_dir, newest


def fresh_state():
    return make_state(tf.distribute.OneDeviceStrategy("CPU:0"), seed=7, ema_decay=0.9)


def cut_short(newest):
    data = newest / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1000])


def flip_a_bit(newest):
    data = newest / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)


def lose_a_file(newest):
    (newest / "variables.index").unlink()


def lose_the_manifest(newest):
    (newest / "manifest.json").unlink()


def spoil_the_manifest(newest):
    (newest / "manifest.json").write_text('{"files": {"variables.index"')


def leave_nothing(newest):
    shutil.rmtree(newest)
    newest.mkdir()


DAMAGE = {
    cut_short: "variables.data-00000-of-00001 has",
    flip_a_bit: "the checksum of variables.data-00000-of-00001 is wrong",
    lose_a_file: "variables.index is missing",
    lose_the_manifest: "it has no manifest.json",
    spoil_the_manifest: "its manifest.json cannot be read",
    leave_nothing: "it has no manifest.json",
}


@pytest.mark.parametrize(("damage", "named"), DAMAGE.items(), ids=[d.__name__ for d in DAMAGE])
def test_a_corrupt_checkpoint_is_named_and_the_one_before_is_used(two_saved, caplog, damage, named):
    run_dir, newest = two_saved
    damage(newest)
    fresh = fresh_state()
    assert checkpoints_of(run_dir, fresh).restore() == 2
    assert f"skipping corrupt checkpoint {newest}: {named}" in caplog.text


def test_a_corrupt_checkpoint_is_replaced_when_its_step_comes_again(two_saved):
    run_dir, newest = two_saved
    flip_a_bit(newest)
    fresh = fresh_state()
    checkpoints = checkpoints_of(run_dir, fresh)
    checkpoints.restore()
    checkpoints.make_directory()
    fresh.step.assign(3)
    assert checkpoints.save() == str(newest)
    assert checkpoints_of(run_dir, fresh_state()).restore() == 3


def test_if_all_are_corrupt_nothing_starts_from_the_beginning(two_saved):
    run_dir, newest = two_saved
    for path in (newest, newest.parent / "step-2"):
        flip_a_bit(path)
    with pytest.raises(UserError, match="none of the 2 checkpoints"):
        checkpoints_of(run_dir, fresh_state()).restore()


def test_what_a_killed_run_left_unfinished_goes_away(two_saved):
    run_dir, newest = two_saved
    part = newest.with_name(".step-4.01234567-1.tmp")
    newest.rename(part)
    checkpoints = checkpoints_of(run_dir, fresh_state())
    assert checkpoints.restore() == 2
    checkpoints.make_directory()
    assert not part.exists()


def test_the_newest_are_kept(two_saved):
    run_dir, _ = two_saved
    state = fresh_state()
    checkpoints = checkpoints_of(run_dir, state, max_to_keep=2)
    checkpoints.restore()
    for step in (8, 9, 11):
        state.step.assign(step)
        checkpoints.save()
    names = {path.name for path in (run_dir / "checkpoints").glob("step-*")}
    assert names == {"step-9", "step-11"}


def test_changes_of_the_environment_are_named(trained, tmp_path, caplog):
    run_dir = tmp_path / "run"
    state = fresh_state()
    checkpoints = checkpoints_of(run_dir, state, environment={"threads": 2, "replicas": 1})
    checkpoints.make_directory()
    checkpoints.save()
    checkpoints_of(run_dir, state, environment={"threads": 4, "replicas": 1}).restore()
    assert "threads was 2 and is 4" in caplog.text
    assert "replicas" not in caplog.text


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MB, where the machine allows to make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_leaves_the_last_good_checkpoint(small_disk):
    run_dir = small_disk / "run"
    state = fresh_state()
    checkpoints = checkpoints_of(run_dir, state)
    checkpoints.make_directory()
    good = checkpoints.save()
    state.step.assign(1)
    free = shutil.disk_usage(small_disk).free
    (small_disk / "other").write_bytes(bytes(free - 200_000))
    with pytest.raises(UserError) as refused:
        checkpoints.save()
    assert str(refused.value) == (
        f"cannot save {run_dir}/checkpoints/step-1: no space is left on the device; "
        f"the last checkpoint is {good}"
    )
    assert {path.name for path in (run_dir / "checkpoints").glob("step-*")} == {"step-0"}
    assert checkpoints_of(run_dir, fresh_state()).restore() == 0
    (small_disk / "other").unlink()
    assert checkpoints.save().endswith("step-1")


def test_a_read_only_run_directory(two_saved, small_disk):
    run_dir = shutil.copytree(two_saved[0], small_disk / "run")
    state = fresh_state()
    checkpoints = checkpoints_of(run_dir, state)
    assert checkpoints.restore() == 2
    (run_dir / "checkpoints" / ".step-3.01234567-1.tmp").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    state.step.assign(4)
    for write in (checkpoints.make_directory, checkpoints.save):
        with pytest.raises(UserError, match="Read-only file system"):
            write()
    assert checkpoints_of(run_dir, fresh_state()).restore() == 2
