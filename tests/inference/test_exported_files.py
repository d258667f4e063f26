"""What exports may replace, found before anything is converted."""

import os

import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.inference.onnx_exporting import check_onnx_path
from deepfill_tf.inference.tflite_exporting import check_tflite_path
from tests.inference.onnx_files import write_mean_fill


@pytest.mark.parametrize(
    ("check", "suffix"), [(check_onnx_path, ".onnx"), (check_tflite_path, ".tflite")]
)
def test_what_cannot_be_written_is_refused(check, suffix, tmp_path):
    thesis = tmp_path / f"thesis{suffix}"
    thesis.write_text("years of work")
    (tmp_path / f"folder{suffix}").mkdir()
    os.mkfifo(tmp_path / f"pipe{suffix}")
    for name, message in {
        thesis.name: r"is not an? \w.* file and is not overwritten",
        f"folder{suffix}": "is a folder; pass the path of a file",
        f"{thesis.name}/a{suffix}": f"cannot write .*: .*{thesis.name} is not a writable folder",
        f"{'a' * 300}{suffix}": "cannot write .*: file name too long",
        f"pipe{suffix}": "cannot write .*not a regular file",
        "a.txt": rf"ends in \{suffix}, got .*a\.txt",
    }.items():
        with pytest.raises(UserError, match=message):
            check(tmp_path / name)
    assert thesis.read_text() == "years of work"


def test_new_files_in_new_folders_and_earlier_exports_are_written(tmp_path):
    check_onnx_path(tmp_path / "with spaces" / "new" / "a.ONNX")
    check_onnx_path(write_mean_fill(tmp_path / "earlier.onnx"))
    (tmp_path / "earlier.tflite").write_bytes(b"\x1c\0\0\0TFL3")
    check_tflite_path(tmp_path / "earlier.tflite")
    assert len(list(tmp_path.iterdir())) == 2
