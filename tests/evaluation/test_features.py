import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import features
from deepfill_tf.evaluation.features import load_feature_network
from deepfill_tf.evaluation.inception import FIDInception
from deepfill_tf.evaluation.torch_weights import read_torch_tensors
from tests.closeness import assert_close
from tests.evaluation.seeded_networks import image_pair, inception_weights

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "references.json").read_text())["inception"]


def test_inception_equals_pytorch_fid():
    """Recorded by record_references.py: every 64th feature of two images."""
    network = FIDInception(inception_weights(RECORDED["shapes"]), "weights.pth")
    computed = network(np.stack(image_pair(75, 90)[:2]))
    recorded = np.array(RECORDED["features"])
    assert computed.shape == (2, 2048)
    assert_close(computed[:, ::64], recorded, tolerance=1e-4)


def test_inception_names_what_a_file_lacks():
    with pytest.raises(UserError, match=r"weights.pth is not the Inception.*Conv2d_1a_3x3.conv"):
        FIDInception({}, "weights.pth")


@pytest.mark.parametrize("name", ["archive.pth", "sequence.pth"])
def test_files_of_pytorch(name):
    """The values of `small_state_dict` in record_references.py, in both of its formats."""
    arrays = read_torch_tensors((HERE / name).read_bytes())
    assert set(arrays) == {"kernel", "part", "count", "double"}
    np.testing.assert_array_equal(arrays["kernel"], np.arange(12, dtype=np.float32).reshape(3, 4))
    np.testing.assert_array_equal(arrays["part"], np.arange(4.0, 10).reshape(2, 3))
    assert arrays["count"] == 7 and arrays["count"].dtype == np.int64
    np.testing.assert_array_equal(arrays["double"], [0, 0.5, 1])


class _Calls:
    def __reduce__(self):
        return print, ("called",)


def _archive(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return file.getvalue()


@pytest.mark.parametrize("wrap", [_archive, lambda content: content], ids=["archive", "sequence"])
def test_files_of_pytorch_that_call_something_else(wrap, capsys):
    with pytest.raises(pickle.UnpicklingError, match="calls builtins.print, which is refused"):
        read_torch_tensors(wrap(pickle.dumps({"kernel": _Calls()})))
    assert "called" not in capsys.readouterr().out


def test_only_the_released_weights_carry_the_name_of_fid(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes((HERE / "archive.pth").read_bytes())
    monkeypatch.setattr(features, "FIDInception", lambda arrays, path: None)
    assert not load_feature_network(str(path)).is_inception
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(features, "FID_SHA256", digest[:8])
    assert load_feature_network(str(path)).is_inception


class _Means(tf.Module):
    def __init__(self, dtype):
        super().__init__()
        self.factor = tf.Variable(2.0)
        signature = [tf.TensorSpec([None, None, None, 3], dtype)]
        self.means = tf.function(self._means, input_signature=signature)

    def _means(self, images):
        return self.factor * tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_a_saved_model_gives_features(tmp_path, dtype):
    module = _Means(dtype)
    tf.saved_model.save(module, str(tmp_path / "means"), signatures=module.means)
    network = load_feature_network(str(tmp_path / "means"))
    images = np.stack(image_pair(20, 30)[:2])
    wanted = images if dtype == tf.uint8 else images / 127.5 - 1
    assert_close(network.features(images), 2 * wanted.mean((1, 2)), tolerance=1e-5)
    assert network.name == "means" and not network.is_inception


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02."])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is neither weights of InceptionV3"):
        load_feature_network(str(path))
    with pytest.raises(UserError, match="cannot read the weights"):
        load_feature_network(str(tmp_path / "missing.pth"))
