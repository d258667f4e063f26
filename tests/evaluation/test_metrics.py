import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import (
    mean_squared_error,
    normalized_root_mse,
    peak_signal_noise_ratio,
    structural_similarity,
)

from deepfill_tf.evaluation import IMAGE_METRICS, image_metrics
from tests.evaluation.seeded_networks import image_pair


@pytest.fixture(scope="module")
def pair():
    """An image, one that differs in a hole, and the hole: uint8, 181 x 190."""
    image, completed, inside = image_pair(181, 190)
    return image, completed, np.where(inside, 255, 0).astype(np.uint8)[:, :, None]


@pytest.fixture(scope="module")
def row(pair):
    return image_metrics(*pair, prediction=pair[1])


def test_a_constant_difference():
    image = np.full([20, 30, 3], 100, np.uint8)
    hole = np.zeros([20, 30], np.uint8)
    hole[5:15, 5:20] = 255
    completed = image + np.where(hole[:, :, None] > 0, 10, 0).astype(np.uint8)
    row = image_metrics(image, completed, hole)
    assert row["hole_pixels"] == 150 and row["pixels"] == 600
    assert row["l1_in_hole"] == 10 and row["l2_in_hole"] == 100 and row["rmse_in_hole"] == 10
    assert row["l1_percent_in_hole"] == pytest.approx(100 * 10 / 255)
    assert row["psnr_in_hole"] == pytest.approx(20 * np.log10(25.5))
    # A quarter of the image.
    assert row["l1"] == 2.5 and row["l2"] == 25 and row["rmse_percent"] == pytest.approx(5 / 2.55)
    assert row["paper_l1"] == pytest.approx(2.5 / 2.55)
    assert row["paper_l2"] == pytest.approx(100 * 25 / 255**2)


def test_errors_equal_those_of_scikit_image(pair, row):
    image, completed, hole = pair
    assert row["l2"] == pytest.approx(mean_squared_error(image, completed))
    assert row["psnr"] == pytest.approx(peak_signal_noise_ratio(image, completed))
    assert row["rmse"] == pytest.approx(
        normalized_root_mse(image, completed, normalization="min-max") * np.ptp(image)
    )
    inside = hole[:, :, 0] > 0
    assert row["psnr_in_hole"] == pytest.approx(
        peak_signal_noise_ratio(image[inside], completed[inside])
    )


def test_ssim_equals_that_of_scikit_image(pair, row):
    image, completed, hole = pair
    wanted, values = structural_similarity(
        *(image, completed),
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert row["ssim"] == pytest.approx(wanted, abs=1e-9)
    inside = np.zeros_like(hole[:, :, 0], bool)
    inside[5:-5, 5:-5] = hole[5:-5, 5:-5, 0] > 0
    assert row["ssim_in_hole"] == pytest.approx(values[inside].mean(), abs=1e-9)


def test_ssim_and_ms_ssim_equal_those_of_tensorflow(pair, row):
    images = [tf.constant(image[None]) for image in pair[:2]]
    assert row["ssim"] == pytest.approx(float(tf.image.ssim(*images, 255)[0]), abs=1e-5)
    wanted = float(tf.image.ssim_multiscale(*images, 255)[0])
    assert row["ms_ssim"] == pytest.approx(wanted, abs=1e-5)


def test_total_variation_equals_that_of_tensorflow(pair, row):
    image, completed, _ = pair
    for name, values in (("tv", completed), ("tv_of_original", image)):
        wanted = float(tf.image.total_variation(tf.constant(values / 255))) / image.size
        assert row[name] == pytest.approx(100 * wanted)


def test_total_variation_of_the_hole_counts_its_border():
    image = np.zeros([20, 20, 1], np.uint8)
    hole, completed = image.copy(), image.copy()
    hole[5:9, 5:10] = completed[5:9, 5:10] = 255
    # 18 pairs of neighbours across the border of 20 pixels.
    assert image_metrics(image, completed, hole)["tv_in_hole"] == pytest.approx(100 * 18 / 20)


def test_the_seam_of_a_ramp_is_0_and_of_a_step_its_height():
    ramp = np.tile(np.arange(0, 160, 4, dtype=np.uint8)[None, :, None], (30, 1, 3))
    hole = np.zeros([30, 40], np.uint8)
    hole[10:20, 10:25] = 255
    assert image_metrics(ramp, ramp, hole)["seam"] == 0
    raised = ramp + np.where(hole[:, :, None] > 0, 20, 0).astype(np.uint8)
    row = image_metrics(ramp, raised, hole)
    assert row["seam_jump_of_original"] == 0 and row["seam"] == row["seam_jump"] == 20
    # Smoother than the original is no better than rougher.
    row = image_metrics(raised, ramp, hole)
    assert row["seam_jump"] == 0 and row["seam"] == row["seam_jump_of_original"] == 20


def test_names_and_what_is_left_out(pair, row):
    lpips = {name for name in IMAGE_METRICS if name.startswith("lpips")}
    assert set(row) == set(IMAGE_METRICS) - lpips | {"pixels", "hole_pixels"}
    assert row["ssim_of_prediction"] == row["ssim"]
    image, completed, hole = (x[:20, :10] for x in pair)
    small = image_metrics(image, completed, hole)
    assert not {n for n in small if "ssim" in n or "in_hole" in n or "prediction" in n}
    assert small["psnr"] == np.inf


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda i, c, h: (i / 255, c, h), "image must be uint8, got float64"),
        (lambda i, c, h: (i, c[1:], h), "must both be [H, W, C]"),
        (lambda i, c, h: (i, c, h[1:]), "hole must be (181, 190, 1), got (180, 190, 1)"),
    ],
)
def test_arrays_that_do_not_match_are_refused(pair, change, message):
    with pytest.raises(ValueError) as error:
        image_metrics(*change(*pair))
    assert message in str(error.value)
