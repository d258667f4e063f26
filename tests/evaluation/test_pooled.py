import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from deepfill_tf.evaluation import columns, image_metrics, pool, pool_rows
from tests.evaluation.seeded_networks import image_pair

SIZES = ((20, 30), (33, 21), (40, 40))


@pytest.fixture(scope="module")
def examples():
    """Images of different sizes; the last is exact."""
    triples = [image_pair(*size) for size in SIZES]
    triples[-1] = (triples[-1][0], triples[-1][0], triples[-1][2])
    return triples


@pytest.fixture(scope="module")
def rows(examples):
    return [image_metrics(i, c, np.where(h, 255, 0).astype(np.uint8)) for i, c, h in examples]


def test_psnr_is_that_of_all_pixels_together(examples, rows):
    pooled = pool_rows(rows)
    images, completed = (np.concatenate([e[k].ravel() for e in examples]) for k in (0, 1))
    assert pooled["psnr"] == pytest.approx(peak_signal_noise_ratio(images, completed))
    inside = [np.concatenate([e[k][e[2]].ravel() for e in examples]) for k in (0, 1)]
    assert pooled["psnr_in_hole"] == pytest.approx(peak_signal_noise_ratio(*inside))


def test_exact_images_are_counted_apart(examples, rows):
    pooled = pool_rows(rows)
    values = [peak_signal_noise_ratio(i, c) for i, c, _ in examples[:2]]
    assert pooled["exact_images"] == pooled["exact_images_in_hole"] == 1
    assert pooled["psnr_mean_of_images"] == pytest.approx(np.mean(values))
    assert pooled["paper_psnr"] == pooled["psnr_mean_of_images"]
    only_exact = pool_rows(rows[2:])
    assert only_exact["psnr"] == np.inf and "psnr_mean_of_images" not in only_exact


def test_others_are_means_over_the_images_that_have_them(rows):
    pooled = pool_rows([*rows, {"pixels": 1.0, "l1": 5.0, "l2": 25.0, "psnr": 34.2}])
    assert pooled["l1"] == pytest.approx((sum(row["l1"] for row in rows) + 5) / 4)
    assert pooled["ssim"] == pytest.approx(np.mean([row["ssim"] for row in rows]))
    assert pooled["pixels"] == sum(h * w for h, w in SIZES) + 1
    jumps = [[row[name] for row in rows] for name in ("seam_jump", "seam_jump_of_original")]
    assert pooled["seam_ratio"] == pytest.approx(np.sum(jumps[0]) / np.sum(jumps[1]))


def test_resampled_images_are_pooled_at_once(rows):
    table = columns(rows)
    samples = np.array([[0, 0, 1], [2, 1, 0], [1, 1, 1]])
    pooled = pool({name: column[samples] for name, column in table.items()})
    for i, sample in enumerate(samples):
        expected = pool_rows([rows[j] for j in sample])
        assert {name: pooled[name][i] for name in expected} == pytest.approx(expected)
