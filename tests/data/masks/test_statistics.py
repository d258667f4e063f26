"""Masks have the statistics of those of the released programs."""

import numpy as np
import pytest

from deepfill_tf.data import BrushStrokeMasks, RectangleMasks, UnionMasks
from tests.data.masks import statistics

COUNT = 1500
# Deviations allowed, in standard errors of the difference of the two samples. The seed
# is fixed, so this says how good the masks are, not how often the test fails.
DEVIATIONS = 5

MENDED, RELEASED = BrushStrokeMasks(), BrushStrokeMasks(as_released=True)
CASES = {
    "box": RectangleMasks(),
    "free_form_mended": MENDED,
    "free_form_released": RELEASED,
    "union_mended": UnionMasks(generators=[RectangleMasks(), MENDED]),
    "union_released": UnionMasks(generators=[RectangleMasks(), RELEASED]),
    "free_form_mended_256x384": MENDED,
    "free_form_released_256x384": RELEASED,
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """The recorded statistics and our masks."""
    recorded = statistics.recorded(request.param)
    size = recorded["height"], recorded["width"]
    return recorded, statistics.sampled(CASES[request.param], COUNT, *size)


def _standard_error(deviation, recorded):
    return deviation * np.sqrt(1 / COUNT + 1 / recorded["samples"])


def test_hole_fractions_are_distributed_as_released(case):
    recorded, holes = case
    fractions, wanted = statistics.hole_fractions(holes), recorded["hole_fraction"]
    allowed = DEVIATIONS * _standard_error(wanted["std"], recorded)
    assert fractions.mean() == pytest.approx(wanted["mean"], abs=allowed)
    assert fractions.std() == pytest.approx(wanted["std"], rel=0.08)
    below = (fractions[:, None] < wanted["deciles"]).mean(axis=0)
    upto = (fractions[:, None] <= wanted["deciles"]).mean(axis=0)
    shares = np.arange(1, 10) / 10
    allowed = DEVIATIONS * _standard_error(np.sqrt(shares * (1 - shares)), recorded)
    # The box's fractions are few discrete values, so a decile itself has a share.
    assert (below <= shares + allowed).all() and (upto >= shares - allowed).all()


def test_hole_positions_are_distributed_as_released(case):
    recorded, holes = case
    cells = statistics.cell_fractions(holes)
    difference = cells.mean(axis=0) - np.array(recorded["cell_hole_probability"])
    # At most one per thousand of the masks is hole where chance alone decides.
    allowed = DEVIATIONS * _standard_error(np.maximum(cells.std(axis=0), 0.01), recorded)
    assert (np.abs(difference) <= allowed).all()


def test_numbers_of_holes_are_distributed_as_released(case):
    recorded, holes = case
    found = statistics.components(holes)
    wanted = recorded["components"]
    allowed = DEVIATIONS * _standard_error(found.std(), recorded)
    assert found.mean() == pytest.approx(wanted["mean"], abs=allowed + 1e-12)
    for number, times in wanted["histogram"].items():
        share = times / recorded["samples"]
        allowed = DEVIATIONS * _standard_error(np.sqrt(share * (1 - share)), recorded)
        assert (found == int(number)).mean() == pytest.approx(share, abs=allowed + 1e-12)


def test_released_strokes_drift_to_the_right_and_may_miss_a_wide_image():
    released = statistics.sampled(RELEASED, 1000, 256, 256)
    assert released[:, :, 128:].mean() > 1.7 * released[:, :, :128].mean()
    empty = ~statistics.sampled(RELEASED, 1000, 256, 384).any(axis=(1, 2))
    # 5 standard errors of 1000 masks.
    assert empty.mean() == pytest.approx(0.0347, abs=5 * 0.0058)
