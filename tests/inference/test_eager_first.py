import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import Inpainter
from deepfill_tf.inference import eager_first
from deepfill_tf.inference.eager_first import CallHistory, EagerFirst
from deepfill_tf.networks import GeneratorV2
from tests.small_generators import random_images, random_masks, small_generator


@pytest.mark.parametrize("method", ["__call__", "predict"])
def test_only_the_second_call_traces(method, monkeypatch):
    compute, eager, converted = GeneratorV2.refined_in_regions, [], []

    def refined_in_regions(*arguments):
        eager.append(tf.executing_eagerly())
        converted.append(tf.__internal__.autograph.control_status_ctx().status.name == "ENABLED")
        return compute(*arguments)

    monkeypatch.setattr(GeneratorV2, "refined_in_regions", refined_in_regions)
    inpainter = Inpainter(small_generator())
    image, mask = random_images(40, 56, 3), random_masks(1, 40, 56)[0]
    if method == "predict":
        image = image.astype(np.float32) / 127.5 - 1
    results = [getattr(inpainter, method)(image, mask) for _ in range(3)]
    assert eager == [True, False]  # the third call runs what the second traced
    assert converted == [False, False]  # AutoGraph would take longer than tracing
    np.testing.assert_array_equal(results[1], results[2])
    if method == "predict":
        hole = mask[..., 0] > 127
        np.testing.assert_allclose(results[0][hole], results[1][hole], atol=1e-5)
    else:
        difference = results[0].astype(int) - results[1]
        assert np.abs(difference).max() <= 1
        assert not difference[mask[..., 0] <= 127].any()


@pytest.mark.parametrize("widths", [(4, 4, 4), (5, 5), (4, 5, 5), (2, 3, 2)])
def test_a_history_tells_which_call_traces(monkeypatch, widths):
    monkeypatch.setattr(eager_first, "MAX_PIXELS", 3 * 4)

    @tf.function(autograph=False)
    def function(image):
        return {"completed": image}

    complete, history = EagerFirst(function), CallHistory()
    assert history.is_empty
    for width in widths:
        before = function.experimental_get_tracing_count()
        complete(image=tf.zeros([1, 3, width, 1]))
        first = before == 0 and function.experimental_get_tracing_count() == 1
        assert history.add(3 * width) == first and not history.is_empty


def test_a_large_first_batch_is_traced(monkeypatch):
    monkeypatch.setattr(eager_first, "MAX_PIXELS", 2 * 3 * 4)
    eager = []

    @tf.function(autograph=False)
    def function(image):
        eager.append(tf.executing_eagerly())
        return {"completed": image}

    EagerFirst(function)(image=tf.zeros([2, 3, 5, 1]))
    EagerFirst(function)(image=tf.zeros([2, 3, 4, 1]))
    assert eager == [False, True]
