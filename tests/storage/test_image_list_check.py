import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.storage.image_list_check import check_image_list_unchanged

# Files may be named so.
ODD = ["a\nb.jpg", "c\x0c.jpg", "d\u2028.jpg", "e\t\\.jpg", "f\r.jpg"]


def test_images_with_odd_names_are_the_same_when_training_goes_on(tmp_path):
    check_image_list_unchanged(str(tmp_path), ODD)
    check_image_list_unchanged(str(tmp_path), ODD)


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (ODD[1:], r"1 no longer there \(a\\nb.jpg\)"),
        ([*ODD, "g.jpg"], r"1 new \(g.jpg\)"),
        (ODD[::-1], "the same ones in another order, from line 1 on"),
    ],
)
def test_others_are_refused(tmp_path, now, difference):
    check_image_list_unchanged(str(tmp_path), ODD)
    with pytest.raises(UserError, match=difference) as error:
        check_image_list_unchanged(str(tmp_path), now)
    assert "\n" not in str(error.value)
    check_image_list_unchanged(str(tmp_path), now, allow=True)
    check_image_list_unchanged(str(tmp_path), now)
