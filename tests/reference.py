"""Where the recorded numbers of the original programs are."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent


def reference_path(name: str) -> Path:
    """Path of a reference file; skips the test where it cannot be found."""
    places = [TESTS / "references"]
    if "DEEPFILL_REFERENCE" in os.environ:
        places.append(Path(os.environ["DEEPFILL_REFERENCE"]))
    places.append(TESTS.parent.parent / "shared" / "reference")
    for place in places:
        if (place / name).exists():
            return place / name
    pytest.skip(f"needs {name} of the reference: set DEEPFILL_REFERENCE to its directory")


def reference_weights(net: str, seed: int) -> dict[str, np.ndarray]:
    """The synthetic weights of the reference by the released program's names."""
    folder = str(reference_path("make_weights.py").parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    import make_weights

    return make_weights.make_weights(net, seed)
