"""Validation of the averaged weights, and the best of them."""

import collections
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import load_generator
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import completion_metrics, pool_rows
from deepfill_tf.evaluation.baseline import BUILT_IN
from deepfill_tf.storage.weights import weights_of
from deepfill_tf.training.actions import KeepBest, Validate
from deepfill_tf.training.training_context import TrainingContext
from tests.training.small_run import example_batch, make_state, one_device

EXAMPLES = example_batch(2)


@pytest.fixture(scope="module")
def state():
    """The average of the weights differs from the weights."""
    state = make_state(one_device(), ema_decay=0.9)
    for average in state.ema.named.values():
        average.assign(3 * average + 0.01)
    return state


@pytest.fixture
def context(state, tmp_path):
    return TrainingContext(
        run_dir=str(tmp_path),
        state=state,
        checkpoints=None,
        data=SimpleNamespace(validation_examples=lambda seed: EXAMPLES),
        global_batch_size=2,
        seed=0,
        learning_rate=1e-3,
        max_steps=40,
        batches_per_step=2,
    )


def validated(action, context, value, **others):
    """The action after a validation at the next ten steps."""
    context.step += 10
    context.validation_step = context.step
    context.validation = {"psnr_in_hole": value, **others}
    action.on_loop_end(context)


def kept(context):
    return json.loads((context_path(context) / "validation.json").read_text())


def context_path(context):
    return Path(context.run_dir) / "best"


def test_validation_is_of_the_weights_that_are_kept(context):
    validate, keep = Validate(every_steps=10, at_start=True), KeepBest()
    for action in (validate, keep):
        action.on_train_begin(context)
    assert context.validation_step == 0
    best = load_generator(context_path(context))
    for name, average in context.state.ema.named.items():
        np.testing.assert_array_equal(weights_of(best)[name], average.numpy())
    image, mask = EXAMPLES["image"], EXAMPLES["mask"]
    predicted = tf.saturate_cast((best(image, mask)[1] + 1) * 127.5, tf.uint8).numpy()
    original = np.rint((image.numpy() + 1) * 127.5).astype(np.uint8)
    metrics = pool_rows(completion_metrics(original, predicted, mask.numpy() > 0))
    assert context.validation == pytest.approx(metrics, rel=1e-4)


def test_tensorboard_shows_the_baselines_beside_the_model(context):
    """Each in a run of its own with the same tags, and the same value at each step."""
    validate = Validate(every_steps=10)
    validate.on_train_begin(context)
    for context.step in (10, 20):
        context.previous_step = context.step - 10
        validate.on_loop_end(context)
    validate.close(context)
    for baseline in BUILT_IN:
        values = collections.defaultdict(dict)
        for path in Path(context.run_dir, "logs", baseline.name).glob("events*"):
            for event in tf.compat.v1.train.summary_iterator(str(path)):
                for value in event.summary.value:
                    values[value.tag][event.step] = float(tf.make_ndarray(value.tensor))
        at_10, at_20 = values["validation/psnr_in_hole"].values()
        assert at_10 == at_20 and 0 < at_10 < 100
        assert values["validation/ssim"].keys() == {10, 20}


def test_the_best_of_all_validations_is_kept_over_a_resumption(context, caplog):
    keep = KeepBest()
    keep.on_train_begin(context)
    for value in (20.0, 22.0, 21.0):
        validated(keep, context, value)
    assert kept(context) == {"metric": "psnr_in_hole", "value": 22.0, "step": 20, "definitions": 2}

    resumed = KeepBest()
    context.first_step, context.validation, context.validation_step = 30, {}, None
    resumed.on_train_begin(context)
    validated(resumed, context, 21.5)
    assert kept(context)["step"] == 20
    with caplog.at_level("INFO"):
        resumed.on_train_end(context)
    assert caplog.messages[-1].startswith("best: step 20, psnr_in_hole 22, in ")
    assert caplog.messages[-1].endswith("not improved in the 20 steps after it (21.5 at last)")
    validated(resumed, context, 23.0)
    with caplog.at_level("INFO"):
        resumed.on_train_end(context)
    assert caplog.messages[-1].startswith("best: step 50, psnr_in_hole 23, in ")
    assert caplog.messages[-1].endswith("the last validation, so that more steps may improve it")


def test_less_is_better_for_distances(context):
    keep = KeepBest(metric="l1")
    keep.on_train_begin(context)
    for value in (0.3, 0.1, 0.2):
        validated(keep, context, 20.0, l1=value)
    assert kept(context) == {"metric": "l1", "value": 0.1, "step": 20, "definitions": 2}


def test_a_new_run_and_another_metric_begin_anew(context):
    first = KeepBest()
    first.on_train_begin(context)
    validated(first, context, 30.0, l2=0.5)
    for keep, resumed in ((KeepBest(), 0), (KeepBest(metric="l2"), 20)):
        context.first_step, context.validation_step = resumed, None
        keep.on_train_begin(context)
        validated(keep, context, 20.0, l2=0.7)
        assert kept(context)["step"] == context.step


def test_a_value_of_another_definition_is_not_compared(context):
    keep = KeepBest()
    keep.on_train_begin(context)
    validated(keep, context, 30.0)
    path = context_path(context) / "validation.json"
    path.write_text(json.dumps({"metric": "psnr_in_hole", "value": 30.0, "step": 10}))
    context.first_step, context.validation_step, again = 10, None, KeepBest()
    again.on_train_begin(context)
    validated(again, context, 25.0)
    assert kept(context)["value"] == 25.0


def test_a_metric_that_is_not_computed_is_named(context):
    keep = KeepBest(metric="lpips_vgg")
    keep.on_train_begin(context)
    with pytest.raises(UserError, match="'lpips_vgg' is not computed .* are: psnr_in_hole"):
        validated(keep, context, 20.0)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="KeepBest.metric must be one of .*, got 'fid'"):
        KeepBest(metric="fid")


def test_a_damaged_score_is_named_and_replaced(context, caplog):
    keep = KeepBest()
    keep.on_train_begin(context)
    validated(keep, context, 20.0)
    (context_path(context) / "validation.json").write_text("{")
    context.first_step, again = 10, KeepBest()
    context.validation_step = None
    again.on_train_begin(context)
    assert "best weights so far are not known" in caplog.text
    validated(again, context, 10.0)
    assert kept(context)["value"] == 10.0
    assert isinstance(load_generator(context_path(context)), tf.keras.Model)
