import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

from deepfill_tf.evaluation import distances
from deepfill_tf.evaluation.distances import frechet_distance, kernel_distance


def features(count, dimensions, seed):
    random = np.random.default_rng(seed)
    mixing = random.standard_normal([dimensions, dimensions])
    return random.standard_normal([count, dimensions]) @ mixing + random.standard_normal(dimensions)


def test_frechet_distance_equals_the_formula_with_scipys_root():
    first, second = features(200, 12, 0), features(150, 12, 1)
    covariances = [np.cov(x, rowvar=False) for x in (first, second)]
    means = first.mean(0) - second.mean(0)
    expected = means @ means + np.trace(
        covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]).real
    )
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_fewer_images_than_features():
    """Features of one dimension, with zeros beside: (m1 - m2)^2 + (s1 - s2)^2."""
    random = np.random.default_rng(0)
    first, second = random.normal(1, 2, 10), random.normal(4, 3, 8)
    padded = [np.pad(x[:, None], ((0, 0), (0, 63))) for x in (first, second)]
    expected = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert frechet_distance(*padded) == pytest.approx(expected)
    assert frechet_distance(padded[0], padded[0]) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_equals_the_unbiased_estimate_with_scikit_learns_kernel():
    first, second = features(30, 6, 0), features(30, 6, 1)

    def mean_of_pairs(x):
        kernel = polynomial_kernel(x, degree=3, coef0=1)
        return kernel[~np.eye(len(x), dtype=bool)].mean()

    cross = polynomial_kernel(first, second, degree=3, coef0=1).mean()
    expected = mean_of_pairs(first) + mean_of_pairs(second) - 2 * cross
    assert kernel_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_of_many_images_takes_subsets():
    first, second = np.random.default_rng(0).standard_normal([2, 400, 4])
    whole = kernel_distance(first, second + 0.5)
    estimates = [kernel_distance(first, second + 0.5, 0, 100, 100) for _ in range(2)]
    assert estimates[0] == estimates[1] == pytest.approx(whole, rel=0.1) and whole > 0.1


def test_discrimination_of_sets_that_are_told_apart_and_that_are_not():
    near = features(40, 5, 0)
    apart = distances(near, near + 100, is_inception=True)
    assert list(apart) == ["fid", "kid", "p_ids", "u_ids"]
    assert apart["p_ids"] == apart["u_ids"] == 0
    alike = distances(near, near, is_inception=True)
    assert alike["p_ids"] == 0 and alike["u_ids"] == 0.5
    # Neighbours exchanged: each set holds the same features.
    shuffled = distances(near, near[::-1], is_inception=True)
    assert shuffled["u_ids"] == 0.5 and shuffled["fid"] == pytest.approx(0, abs=1e-9)


def test_other_networks_never_carry_the_names_of_inception():
    names = distances(features(9, 3, 0), features(9, 3, 1), is_inception=False)
    assert not {"fid", "kid", "p_ids", "u_ids"} & set(names)
    assert "frechet_distance" in names


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((4, 3), (5, 3)), ((4,), (4,))])
def test_features_that_do_not_match_are_refused(shapes):
    with pytest.raises(ValueError, match="two arrays"):
        distances(*(np.zeros(shape) for shape in shapes), is_inception=False)
