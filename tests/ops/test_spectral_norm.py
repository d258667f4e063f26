import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from tests.closeness import assert_close
from tests.reference_cases import case


@pytest.mark.parametrize("key", ["a", "b"])
def test_one_power_iteration_as_released(key):
    r = case("layers.npz", f"spectral_norm/{key}")
    kernel = tf.constant(r["kernel"])
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        normalized, sigma, u = ops.spectral_normalize(kernel, tf.constant(r["u"]))
        total = tf.reduce_sum(normalized * r["dw"])
    assert_close(normalized, r["w_norm"], tolerance=1e-5, what="kernel")
    assert_close(sigma, r["sigma"].item(), tolerance=1e-5, what="sigma")
    np.testing.assert_allclose(u, r["u_after"], rtol=0, atol=1e-5)
    gradient = tape.gradient(total, kernel)
    assert_close(gradient, r["dkernel_old_u"], tolerance=1e-5, what="gradient")


@pytest.mark.parametrize("iterations", [1, 3])
def test_gradient_of_spectral_normalize_equals_finite_differences(iterations):
    generator = np.random.default_rng(0)
    kernel, upstream = generator.normal(size=[2, 3, 3, 2, 4])
    u = tf.constant(generator.normal(size=[1, 4]))

    def loss(kernel):
        return tf.reduce_sum(ops.spectral_normalize(kernel, u, iterations)[0] * upstream)

    theoretical, numerical = tf.test.compute_gradient(loss, [tf.constant(kernel)], delta=1e-6)
    assert_close(theoretical[0], numerical[0], tolerance=1e-7)


@pytest.mark.parametrize("shape", [(3, 3, 6, 5), (5, 5, 4, 64), (7, 3)])
def test_many_iterations_find_the_largest_singular_value(shape):
    generator = np.random.default_rng(0)
    kernel, u = generator.normal(size=shape).astype("f"), generator.normal(size=[1, shape[-1]])
    normalized, sigma, new_u = ops.spectral_normalize(
        tf.constant(kernel), tf.cast(u, "float32"), 200
    )
    _, singular, right = np.linalg.svd(kernel.reshape(-1, shape[-1]), full_matrices=False)
    assert_close(sigma, singular[0], tolerance=1e-5)
    assert_close(normalized, kernel / singular[0], tolerance=1e-5)
    assert abs(np.vdot(new_u, right[0])) == pytest.approx(1, abs=1e-4)
