import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.evaluation.requirements import Requirement


@pytest.mark.parametrize(
    ("text", "value", "is_met"),
    [
        ("psnr>=22", 22.0, True),
        ("psnr>=22", 21.99, False),
        (" l1_in_hole <= 1e1 ", 10.0, True),
        ("l1<0.5", 0.5, False),
        ("seam>-1.5", -1.4, True),
    ],
)
def test_a_metric_is_compared_with_the_bound(text, value, is_met):
    requirement = Requirement.parse(text)
    failure = requirement.failure({requirement.metric: value})
    assert (failure is None) == is_met
    if failure:
        assert str(requirement) in failure and f"{value:.6g}" in failure


@pytest.mark.parametrize("text", ["psnr", "psnr>=", "psnr=22", ">=22", "psnr>=x", "psnr>=1.2.3"])
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match=r"such as psnr>=22") as caught:
        Requirement.parse(text)
    assert repr(text) in str(caught.value)


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(UserError, match=r"'psnt'; the metrics are l1, psnr"):
        Requirement.parse("psnt>=22").check_name(["l1", "psnr"])


def test_a_requirement_on_what_was_not_computed_is_not_met():
    assert "lpips" in Requirement.parse("lpips<=0.1").failure({"psnr": 20.0})
