"""Distances of two sets of images in the features of a network: FID, KID, P-IDS and U-IDS."""

import importlib.util

import numpy as np

# What `distances` returns for the network of FID, and for any other.
INCEPTION_DISTANCES = ("fid", "kid", "p_ids", "u_ids")
OTHER_DISTANCES = (
    "frechet_distance",
    "kernel_distance",
    "paired_discrimination",
    "unpaired_discrimination",
)
SKLEARN_HINT = "P-IDS and U-IDS need scikit-learn: `pip install scikit-learn`"


def distances(
    originals: np.ndarray, completed: np.ndarray, *, is_inception: bool
) -> dict[str, float]:
    """Returns all distances of two sets of features, by name.

    The names are `INCEPTION_DISTANCES` for the Inception network of FID, and `OTHER_DISTANCES` for
    any other. The last two are left out without scikit-learn.

    Args:
      originals, completed: features `[N, D]`, row i of both of the same image, N >= 2.
      is_inception: the features are those of `inception.FIDInception` with its own weights.

    Raises ValueError for fewer than two images or features of different shapes.
    """
    if originals.ndim != 2 or originals.shape != completed.shape or len(originals) < 2:
        raise ValueError(
            f"features must be two arrays [N, D] with N >= 2, got {originals.shape} and "
            f"{completed.shape}"
        )
    names = INCEPTION_DISTANCES if is_inception else OTHER_DISTANCES
    values = [frechet_distance(originals, completed), kernel_distance(originals, completed)]
    if importlib.util.find_spec("sklearn"):
        values += inception_discriminative_scores(originals, completed)
    return dict(zip(names, values, strict=False))


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the Frechet distance of the normal distributions of two sets (Heusel et al., 2017).

    `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))` with the means m and the covariances S, divided
    by N - 1. With S = R^T R the trace of the root is the sum of the singular values of R1 R2^T,
    which no singular covariance disturbs.

    Args:
      first, second: features `[N, D]`, N >= 2 of each.
    """
    (mean_1, root_1), (mean_2, root_2) = (_mean_and_root(x) for x in (first, second))
    overlap = np.linalg.svd(root_1 @ root_2.T, compute_uv=False).sum()
    spread = np.square(root_1).sum() + np.square(root_2).sum()
    return float(np.square(mean_1 - mean_2).sum() + spread - 2 * overlap)


def _mean_and_root(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and R with R^T R the covariance."""
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    root = (features - mean) / np.sqrt(len(features) - 1)
    if root.shape[0] > root.shape[1]:
        root = np.linalg.qr(root, mode="r")
    return mean, root


def kernel_distance(
    first: np.ndarray,
    second: np.ndarray,
    seed: int = 0,
    subsets: int = 100,
    subset_size: int = 1000,
) -> float:
    """Returns the unbiased squared MMD with the kernel `(x . y / D + 1)^3` (Binkowski, 2018).

    The mean over random subsets, by default as many and as large as in torch-fidelity; of all
    features where both sets have at most `subset_size`.

    Args:
      first, second: features `[N, D]`, N >= 2 of each.
      seed: of the subsets.
      subsets, subset_size: number of random subsets, and of features in each.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    size = min(subset_size, len(first), len(second))
    if size == len(first) == len(second):
        return _mmd(first, second)
    random = np.random.default_rng(seed)
    values = [
        _mmd(*(x[random.choice(len(x), size, replace=False)] for x in (first, second)))
        for _ in range(subsets)
    ]
    return float(np.mean(values))


def _mmd(first: np.ndarray, second: np.ndarray) -> float:
    count, dimensions = first.shape

    def kernel(x, y):
        product = x @ y.T / dimensions + 1
        return product * product * product  # `** 3` takes ten times as long

    within = sum(k.sum() - np.trace(k) for k in (kernel(first, first), kernel(second, second)))
    return float(within / (count * (count - 1)) - 2 * kernel(first, second).mean())


def inception_discriminative_scores(
    originals: np.ndarray, completed: np.ndarray
) -> tuple[float, float]:
    """Returns P-IDS and U-IDS in [0, 1] (Zhao et al., 2021), higher is better.

    A linear support vector machine is trained to tell the two sets apart. P-IDS is the share of
    images whose completion it takes for more real than its original, U-IDS the share of all
    images that it takes for the wrong kind.

    Args:
      originals, completed: features `[N, D]`, row i of both of the same image.
    """
    from sklearn.svm import LinearSVC

    features = np.concatenate([originals, completed])
    targets = np.repeat([1, 0], [len(originals), len(completed)])
    machine = LinearSVC(dual=False).fit(features, targets)
    scores = machine.decision_function(features)
    real, made = scores[: len(originals)], scores[len(originals) :]
    unpaired = 1 - machine.score(features, targets)
    return float(np.mean(made > real)), float(unpaired)
