import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.evaluation.row_cache import Row, RowCache

ROW = Row({"psnr": float("inf"), "l1": 0.1}, [1.0, 2.0], [3, 4])


def opened(folder, manifest="m" * 64, identity="weights 1"):
    return RowCache(folder, manifest, "model", identity)


def test_rows_come_back(tmp_path):
    cache = opened(tmp_path)
    cache.add({"a": {"model": ROW, "coarse": ROW}})
    cache.close()
    again = opened(tmp_path)
    assert "a" in again and "b" not in again
    assert again["a"] == {"model": ROW, "coarse": ROW}


@pytest.mark.parametrize("changed", [{"manifest": "n" * 64}, {"identity": "weights 2"}])
def test_rows_of_other_images_or_weights_are_not_taken(tmp_path, changed):
    cache = opened(tmp_path)
    cache.add({"a": {"model": ROW}})
    cache.close()
    assert "a" not in opened(tmp_path, **changed)


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_an_incomplete_line_is_computed_again(tmp_path, kept):
    """As a killed process leaves it."""
    cache = opened(tmp_path)
    cache.add({"a": {"model": ROW}})
    cache.add({"b": {"model": ROW}})
    cache.close()
    (path,) = tmp_path.rglob("*.jsonl")
    first, second, _ = path.read_text().split("\n")
    path.write_text(first + "\n" + (second[:kept] if kept > 0 else second))
    again = opened(tmp_path)
    assert "a" in again and "b" not in again
    again.add({"b": {"model": ROW}})
    again.close()
    assert opened(tmp_path)["b"] == {"model": ROW}


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the rows"):
        opened(tmp_path / "file")
