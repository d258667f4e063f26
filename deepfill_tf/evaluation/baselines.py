"""Baselines: completions that need no training, to compare every model with.

| name | fills the hole with |
|---|---|
| `mean_fill` | the mean colour of the known pixels |
| `telea` | OpenCV's fast marching (Telea, 2004) |
| `navier_stokes` | OpenCV's fluid dynamics (Bertalmio, Bertozzi and Sapiro, 2001) |
| `patchmatch` | patches of the known part (Barnes et al., 2009), by the package PyPatchMatch |

All are functions of one image and its hole alone and give the same result in every run.
"""

import importlib
import importlib.util

import numpy as np

from deepfill_tf.evaluation.baseline import BUILT_IN, Baseline

# Patches of 7 x 7.
PATCH_RADIUS = 3


def baselines() -> list[Baseline]:
    """Returns the baselines whose packages are installed, in the order of the reports."""
    return [baseline for baseline in _ALL if _is_there(baseline)]


def missing_baselines() -> dict[str, str]:
    """Name of each baseline that cannot be computed -> how to get it."""
    return {
        baseline.name: "pip install PyPatchMatch" for baseline in _ALL if not _is_there(baseline)
    }


def _is_there(baseline: Baseline) -> bool:
    if importlib.util.find_spec(baseline.module) is None:
        return False
    # Without a compiler, PyPatchMatch installs without its library.
    return getattr(importlib.import_module(baseline.module), "patchmatch_available", True)


def _patchmatch(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    import patchmatch

    patchmatch.set_random_seed(0)
    return patchmatch.inpaint(image, hole, patch_size=PATCH_RADIUS)


_ALL = (*BUILT_IN, Baseline("patchmatch", _patchmatch, "patchmatch"))
