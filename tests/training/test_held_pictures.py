import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.training.held_pictures import hold_pictures

# Files may be named so.
ODD = ["a\nb.jpg", "c\x0c.jpg", "d\u2028.jpg", "e\t\\.jpg", "f\r.jpg"]


def test_pictures_with_odd_names_are_the_same_when_training_goes_on(tmp_path):
    hold_pictures(str(tmp_path), ODD)
    hold_pictures(str(tmp_path), ODD)


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (ODD[1:], r"1 no longer there \(a\\nb.jpg\)"),
        ([*ODD, "g.jpg"], r"1 new \(g.jpg\)"),
        (ODD[::-1], "the same ones in another order, from line 1 on"),
    ],
)
def test_others_are_refused(tmp_path, now, difference):
    hold_pictures(str(tmp_path), ODD)
    with pytest.raises(UserError, match=difference) as error:
        hold_pictures(str(tmp_path), now)
    assert "\n" not in str(error.value)
    hold_pictures(str(tmp_path), now, allow=True)
    hold_pictures(str(tmp_path), now)
