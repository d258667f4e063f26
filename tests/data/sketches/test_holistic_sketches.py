"""The models are real files: a convolution and a sigmoid, written here byte by byte."""

import concurrent.futures

import cv2
import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data.sketches.holistic_sketches import HolisticSketches
from deepfill_tf.errors import UserError

# [out, in, height, width], different for each colour and each side.
KERNEL = np.random.default_rng(0).normal(size=[1, 3, 3, 3]).astype(np.float32) / 100
MEAN = (10.0, 60.0, 200.0)
READS_CAFFE = hasattr(cv2.dnn, "readNetFromCaffe")
needs_caffe = pytest.mark.skipif(not READS_CAFFE, reason="this OpenCV reads no Caffe models")

# As HED's: padded wide, and cut to the middle by the layer without an offset.
PROTOTXT = """
input: "data"
input_dim: 1
input_dim: 3
input_dim: 64
input_dim: 64
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 1 kernel_size: 3 pad: 5 }
}
layer { name: "crop" type: "Crop" bottom: "conv" bottom: "data" top: "crop" OFFSET }
layer { name: "sigmoid" type: "Sigmoid" bottom: "crop" top: "sigmoid" }
"""


def expected(image: np.ndarray) -> np.ndarray:
    """The model's answer by TensorFlow, float `[H, W]` of 0 to 255."""
    image = np.repeat(image, 3 // image.shape[2], 2)[None, :, :, ::-1] - np.float32(MEAN)
    return 255 * tf.sigmoid(tf.nn.conv2d(image, KERNEL.transpose(2, 3, 1, 0), 1, "SAME"))[0, ..., 0]


def random_image(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, [height, width, channels], np.uint8)


def message(*fields: tuple[int, bytes | str | int]) -> bytes:
    """A protocol buffer of numbered fields."""
    written = b""
    for number, value in fields:
        if isinstance(value, int):
            written += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            written += varint(number << 3 | 2) + varint(len(value)) + value
    return written


def varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def onnx_model(
    stride: int = 1, kernel: np.ndarray = KERNEL, last: str = "Sigmoid", sides: tuple = ()
) -> bytes:
    """The convolution and `last`, which takes a constant with `sides` where they are given."""

    def node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
        return message(
            *[(1, name) for name in inputs], (2, output), (4, kind), *[(5, a) for a in attributes]
        )

    def integers(name: str, values: list[int]) -> bytes:
        return message((1, name), *[(8, value) for value in values], (20, 7))

    def floats(name: str, channels: int) -> bytes:
        sizes = [(1, message((1, 1))), (1, message((1, channels)))]
        sizes += [(1, message((2, side))) for side in ("height", "width")]
        return message((1, name), (2, message((1, message((1, 1), (2, message(*sizes)))))))

    convolution = node(
        "Conv",
        ["image", "kernel"],
        "logits",
        integers("kernel_shape", [3, 3]),
        integers("pads", [1, 1, 1, 1]),
        integers("strides", [stride, stride]),
    )
    shape = np.array([1, 1, *sides], np.int64)
    constants = [
        message(*[(1, n) for n in kernel.shape], (2, 1), (8, "kernel"), (9, kernel.tobytes())),
        message((1, len(shape)), (2, 7), (8, "shape"), (9, shape.tobytes())),
    ][: 2 if sides else 1]
    graph = message(
        (1, convolution),
        (1, node(last, ["logits", "shape"] if sides else ["logits"], "edges")),
        (2, "graph"),
        *[(5, constant) for constant in constants],
        (11, floats("image", 3)),
        (12, floats("edges", len(kernel))),
    )
    return message((1, 7), (7, graph), (8, message((1, ""), (2, 11))))


def caffe_model() -> bytes:
    def blob(values: np.ndarray) -> bytes:
        return message((5, values.tobytes()), (7, message(*[(1, n) for n in values.shape])))

    blobs = [(7, blob(KERNEL)), (7, blob(np.zeros(1, np.float32)))]
    return message((100, message((1, "conv"), (2, "Convolution"), *blobs)))


def frozen_graph() -> bytes:
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, None, None, 3])
        kernel = tf.constant(KERNEL.transpose(2, 3, 1, 0))
        tf.sigmoid(tf.nn.conv2d(image, kernel, 1, "SAME"))
    return graph.as_graph_def().SerializeToString()


@pytest.fixture
def written(tmp_path):
    """Writes a file and gives its path."""

    def write(name: str, content: bytes | str) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.fixture(params=["onnx", "graph", pytest.param("caffe", marks=needs_caffe)])
def source(request, written) -> HolisticSketches:
    if request.param == "onnx":
        return HolisticSketches(model=written("model.onnx", onnx_model()), mean=MEAN)
    if request.param == "graph":
        return HolisticSketches(model=written("model.pb", frozen_graph()), mean=MEAN)
    return HolisticSketches(
        model=written("model.caffemodel", caffe_model()),
        config=written("model.prototxt", PROTOTXT.replace("OFFSET", "")),
        mean=MEAN,
    )


def test_models_of_every_format_give_what_they_compute(source):
    source.check([])
    for image in (random_image(40, 56), random_image(64, 24), random_image(40, 56, 1)):
        sketch = source("a.png", image, None)
        assert sketch.shape == (*image.shape[:2], 1)
        assert sketch.dtype == np.uint8
        assert sketch.std() > 10
        np.testing.assert_allclose(sketch[..., 0], expected(image), atol=0.51)


def test_threads_do_not_get_each_others_sketches(source):
    images = [random_image(16 + 8 * (i % 4) + i, 32) for i in range(32)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sketches = list(pool.map(lambda image: source("", image, None), images))
    for image, sketch in zip(images, sketches, strict=True):
        np.testing.assert_allclose(sketch[..., 0], expected(image), atol=0.51)


@needs_caffe
def test_a_crop_with_an_offset_begins_there(written):
    offset = "crop_param { axis: 2 offset: 3 offset: 5 }"
    source = HolisticSketches(
        model=written("model.caffemodel", caffe_model()),
        config=written("model.prototxt", PROTOTXT.replace("OFFSET", offset)),
        mean=MEAN,
    )
    image = random_image(40, 56)
    # The padding is 5 and the middle begins at 4: this begins one up and one to the right.
    sketch = source("", image, None)[..., 0]
    np.testing.assert_allclose(sketch[1:, :-1], expected(image)[:-1, 1:], atol=0.51)


def test_a_smaller_output_is_resized(written):
    """Of a flat image the inner outputs are all alike, whatever the stride."""
    source = HolisticSketches(model=written("model.onnx", onnx_model(stride=4)), mean=MEAN)
    source.check([])
    image = np.full([40, 56, 3], 99, np.uint8)
    sketch = source("", image, None)
    assert sketch.shape == (40, 56, 1)
    np.testing.assert_allclose(sketch[8:, 8:, 0], expected(image)[8:-1, 8:-1][0, 0], atol=0.51)


def test_without_a_model_the_binding_and_the_other_sources_are_named():
    with pytest.raises(UserError, match=r"HolisticSketches\.model .*CannySketches.*EdgeFiles"):
        HolisticSketches().check([])


@pytest.mark.parametrize("attribute", ["model", "config"])
def test_missing_files_are_named(attribute, written):
    files = {"model": written("model.onnx", onnx_model()), attribute: "nowhere/model.onnx"}
    with pytest.raises(UserError, match=rf"nowhere/model.onnx, which HolisticSketches.{attribute}"):
        HolisticSketches(**files).check([])


@pytest.mark.parametrize(
    "name,content",
    [
        ("model.onnx", b"no model" * 99),
        ("model.onnx", onnx_model()[:200]),
        ("model.onnx", b""),
        ("model.tflite", b"no model" * 99),
        ("model.pb", b"no model" * 99),
        ("model.pb", b""),
        ("model.pb", tf.compat.v1.GraphDef().SerializeToString() + message((77, "other"))),
        ("model.weights", onnx_model()),
        ("model.caffemodel", caffe_model()),
    ],
)
def test_what_opencv_cannot_read_is_named_in_one_line(name, content, written):
    path = written(name, content)
    with pytest.raises(UserError, match=name) as error:
        HolisticSketches(model=path).check([])
    assert "\n" not in str(error.value)


@needs_caffe
def test_weights_that_do_not_fit_their_architecture_are_named(written):
    source = HolisticSketches(
        model=written("model.caffemodel", b"no model" * 99),
        config=written("model.prototxt", PROTOTXT.replace("OFFSET", "")),
    )
    with pytest.raises(UserError, match="model.caffemodel"):
        source.check([])


@pytest.mark.parametrize(
    "arguments,reason",
    [
        ({"last": "Identity"}, "gives values from .*: end the model with a sigmoid"),
        ({"kernel": np.repeat(KERNEL, 2, 0)}, r"gives \[1, 2, 64, 96\] .* \[1, 1, height, width\]"),
        ({"last": "Reshape", "sides": (16, 16)}, r"fails on an image of \[64, 96\].*any size"),
    ],
)
def test_models_that_are_no_edge_detectors_are_refused(arguments, reason, written):
    with pytest.raises(UserError, match=reason):
        HolisticSketches(model=written("model.onnx", onnx_model(**arguments)), mean=MEAN).check([])


def test_a_mean_of_other_than_three_numbers_is_refused():
    with pytest.raises(ValueError, match="mean must be three numbers"):
        HolisticSketches(mean=(1.0,))
