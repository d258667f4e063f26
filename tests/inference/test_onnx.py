"""ONNX models, run by onnxruntime, against the TensorFlow program that they were made from."""

import json
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import deepfill_tf
from deepfill_tf import OnnxInpainter, export, inpaint
from deepfill_tf.errors import UserError
from deepfill_tf.inference import Inpainter
from deepfill_tf.inference.completion import complete_float
from deepfill_tf.inference.onnx_conversion import convert_to_onnx
from deepfill_tf.inference.onnx_exporting import PHOTOGRAPH, Agreement, save_onnx
from deepfill_tf.networks import GeneratorV1
from deepfill_tf.storage.model_files import Provenance, write_model_files
from tests.command_calls import assert_one_line, call
from tests.small_generators import random_images, random_masks, randomize, small_generator

SIZES = [(1, 16, 16), (3, 64, 40), (1, 97, 131), (2, 130, 201), (1, 256, 72)]


@pytest.fixture(scope="module")
def generator():
    """In place of conftest's: one that completes large holes at smaller sizes too."""
    return small_generator(half_size_deviation=3.0)


@pytest.fixture(scope="module")
def inpainter(generator):
    """Of `generator`, in place of conftest's."""
    return Inpainter(generator)


@pytest.fixture(scope="module")
def model_files(generator, tmp_path_factory):
    """A model directory of `generator` without a SavedModel."""
    folder = tmp_path_factory.mktemp("models")
    write_model_files(generator, folder, Provenance("a test's random numbers", step=7))
    return folder


@pytest.fixture(scope="module")
def exported(model_files, tmp_path_factory):
    """An ONNX file of `generator`, made by the command."""
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    assert call(export, format="onnx", model=model_files, output=path) == 0
    return path


@pytest.fixture(scope="module")
def session(exported):
    return onnxruntime.InferenceSession(exported)


@pytest.fixture(scope="module")
def guided_v1():
    return randomize(
        GeneratorV1(
            width=4,
            guided=True,
            border_correction=(3.0, 1.0),
            half_size_deviation=3.0,
            detail_weight=0.5,
        )
    )


def differences(completed, expected):
    return np.abs(completed.astype(int) - expected)


@pytest.mark.parametrize(("count", "height", "width"), SIZES)
def test_the_model_agrees_with_tensorflow(session, inpainter, count, height, width):
    images, masks = random_images(count, height, width, 3), random_masks(count, height, width)
    (completed,) = session.run(None, {"image": images, "mask": masks})
    assert completed.dtype == np.uint8
    assert differences(completed, inpainter(images, masks)).max() <= 1
    known = masks[..., 0] <= 127
    np.testing.assert_array_equal(completed[known], images[known])


@pytest.mark.parametrize("whole_image", [False, True])
def test_a_model_without_the_half_size_agrees_too(whole_image):
    generator = small_generator()
    model = convert_to_onnx(generator, whole_image=whole_image).SerializeToString()
    session, inpainter = onnxruntime.InferenceSession(model), Inpainter(generator)
    for count, height, width in [(1, 97, 131), (2, 130, 201)]:
        images, masks = random_images(count, height, width, 3), random_masks(count, height, width)
        (completed,) = session.run(None, {"image": images, "mask": masks})
        assert differences(completed, inpainter(images, masks)).max() <= 1


def test_a_guided_model_of_the_first_paper_with_further_outputs(guided_v1):
    """Further outputs are those of the whole image."""
    model = convert_to_onnx(guided_v1, extra_outputs=["coarse", "offsets"])
    session, inpainter = (
        onnxruntime.InferenceSession(model.SerializeToString()),
        Inpainter(guided_v1, whole_image=True),
    )
    for count, height, width in [(3, 51, 80), (1, 130, 201)]:
        images, masks = random_images(count, height, width, 3), random_masks(count, height, width)
        # 153 is the last value that is no edge.
        sketches = np.where(random_images(count, height, width, 1) > 200, 154, 153).astype(np.uint8)
        inputs = {"image": images, "mask": masks, "sketch": sketches}
        completed, coarse, offsets = session.run(["completed", "coarse", "offsets"], inputs)
        assert differences(completed, inpainter(images, masks, sketches)).max() <= 1
        floats = images.astype(np.float32) / 127.5 - 1
        expected = complete_float(guided_v1, floats, masks > 127, sketches > 153)
        np.testing.assert_array_equal(offsets, expected["offsets"])
        pixels = np.clip((expected["coarse"].numpy() + 1) * 127.5, 0, 255)
        assert np.abs(coarse - np.where(masks > 127, pixels, images)).max() <= 1.01
        inputs["sketch"] = np.zeros_like(sketches)
        assert (session.run(["completed"], inputs)[0] != completed).any()
        inputs["mask"] = np.zeros_like(masks)
        np.testing.assert_array_equal(session.run(["completed"], inputs)[0], images)


def test_a_mask_without_a_hole_leaves_the_image(session):
    images, masks = random_images(2, 40, 56, 3), np.full([2, 40, 56, 1], 127, np.uint8)
    np.testing.assert_array_equal(session.run(None, {"image": images, "mask": masks})[0], images)


def test_pixels_under_the_hole_do_not_matter(session):
    images, masks = random_images(1, 97, 131, 3), random_masks(1, 97, 131)
    others = np.where(masks > 127, 255 - images, images)
    np.testing.assert_array_equal(
        *(session.run(None, {"image": image, "mask": masks})[0] for image in (images, others))
    )


def test_the_file_describes_itself(exported, generator):
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import if not entry.domain] == [
        ("", 17)
    ]
    sizes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    image = ["N", "H", "W", 3]
    assert sizes == {"image": image, "mask": [*image[:3], 1], "completed": image}
    properties = {entry.key: entry.value for entry in model.metadata_props}
    architecture = json.loads(properties.pop("architecture"))
    assert architecture["class"] == "GeneratorV2" and architecture["arguments"]["width"] == 4
    assert properties == {
        "guided": "false",
        "min_size": "16",
        "size": "",
        "offsets_stride": "8",
        "precision": "float32",
        "origin": "a test's random numbers",
        "step": "7",
        "weights_license": "unknown",
        "package_version": deepfill_tf.__version__,
    }


def test_float16_halves_the_weights_and_keeps_the_image(another_generator, tmp_path):
    path = tmp_path / "half.onnx"
    provenance = Provenance("random numbers")
    agreement = save_onnx(another_generator, path, provenance, precision="float16")
    assert agreement.psnr >= 40
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    kernels = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    large = [kernel for kernel in kernels if np.prod(kernel.dims) >= 64]
    assert {kernel.data_type for kernel in large} == {onnx.TensorProto.FLOAT16}
    assert len(kernels) >= sum(len(weight.shape) == 4 for weight in another_generator.weights)


def test_a_model_that_disagrees_is_not_kept(another_generator, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "deepfill_tf.inference.onnx_exporting.convert_to_onnx",
        lambda *_, **__: identity_model(),
    )
    with pytest.raises(
        UserError,
        match=r"the ONNX model disagrees: .*; at most 1 of 255 is allowed; nothing was written",
    ):
        save_onnx(another_generator, tmp_path / "wrong.onnx", Provenance("random numbers"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("detail_weight", "largest", "psnr", "limit"),
    [
        (0.0, 1, 30.0, None),
        (0.0, 2, 80.0, "at most 1 of 255 is allowed"),
        (0.5, 9, 51.0, None),
        (0.5, 1, 49.0, "at least 50 dB are required"),
    ],
)
def test_models_that_copy_details_agree_by_psnr(
    detail_weight, largest, psnr, limit, tmp_path, monkeypatch
):
    """Rounding decides between patches that are alike: 2 of 255 and 78 dB for the package's."""
    module = "deepfill_tf.inference.onnx_exporting"
    monkeypatch.setattr(f"{module}.convert_to_onnx", lambda *_, **__: identity_model())
    agreement = Agreement(largest, 0.1, psnr)
    monkeypatch.setattr(f"{module}.compare_with_tensorflow", lambda *_: agreement)
    generator = small_generator(detail_weight=detail_weight)
    path = tmp_path / "a.onnx"
    if limit:
        with pytest.raises(UserError, match=f"the ONNX model disagrees: .*; {limit}; nothing"):
            save_onnx(generator, path, Provenance("random numbers"))
    else:
        assert save_onnx(generator, path, Provenance("random numbers")) == agreement
    assert path.exists() == (not limit)


@pytest.mark.parametrize("package", ["onnxruntime", "tf2onnx"])
def test_a_missing_package_is_named(another_generator, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"^ONNX files need .*deepfill-tf\[onnx\].*{package}"):
        save_onnx(another_generator, tmp_path / "a.onnx", Provenance("random numbers"))


def identity_model():
    """A model that returns the image with its hole."""
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, ["N", "H", "W", channels])
        for name, channels in (("image", 3), ("mask", 1), ("completed", 3))
    ]
    node = onnx.helper.make_node("Identity", ["image"], ["completed"])
    graph = onnx.helper.make_graph([node], "wrong", values[:2], values[2:])
    return onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )


def test_agreement_is_that_of_the_hole():
    expected = np.full([1, 2, 2, 3], 100, np.uint8)
    completed = expected.copy()
    completed[0, 0, 0], completed[0, 1, 1] = 110, 0
    hole = np.array([[[True, True], [True, False]]])
    agreement = Agreement.of(completed, expected, hole)
    assert (agreement.largest, agreement.mean) == (10, pytest.approx(10 / 3))
    assert agreement.psnr == pytest.approx(10 * np.log10(255**2 / (100 / 3)))
    assert Agreement.of(expected, expected, hole).psnr == np.inf


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        ({"format": "caffe"}, ["--format", "saved_model, onnx", "'caffe'"]),
        ({"format": "onnx", "precision": "int4"}, ["--precision", "float32, float16", "'int4'"]),
        ({"format": "onnx", "outputs": "mask"}, ["--outputs", "coarse, offsets", "'mask'"]),
        ({"precision": "float16"}, ["--precision does not go with --format=saved_model"]),
        ({"format": "onnx", "output": "models"}, ["ends in .onnx", "models"]),
    ],
)
def test_bad_flags_are_one_line(model_files, tmp_path, monkeypatch, capfd, flags, parts):
    monkeypatch.chdir(tmp_path)
    assert call(export, **({"model": model_files, "output": "x.onnx"} | flags)) == 1
    assert_one_line(capfd, *parts)
    assert not list(tmp_path.iterdir())


def test_other_files_are_not_overwritten(model_files, tmp_path, capfd):
    path = tmp_path / "thesis.onnx"
    path.write_text("years of work")
    assert call(export, format="onnx", model=model_files, output=path) == 1
    assert_one_line(capfd, path, "is not an ONNX file and is not overwritten")
    assert path.read_text() == "years of work"


def test_the_command_completes_files_as_with_tensorflow(exported, model_files, tmp_path):
    photograph = Image.open(PHOTOGRAPH).crop((100, 60, 260, 190))
    mask = np.zeros([130, 160], np.uint8)
    mask[30:70, 50:110] = mask[100:104, 20:150] = 255
    photograph.save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "a_mask.png")
    paths = {"image": tmp_path / "a.png", "mask": tmp_path / "a_mask.png"}
    for model, output in ((exported, "onnx.png"), (model_files, "tensorflow.png")):
        assert call(inpaint, model=model, output=tmp_path / output, **paths) == 0
    by_onnx, by_tensorflow = (
        np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("onnx", "tensorflow")
    )
    assert differences(by_onnx, by_tensorflow).max() <= 1
    known = mask == 0
    np.testing.assert_array_equal(by_onnx[known], np.asarray(photograph)[known])
    assert OnnxInpainter(exported).metadata["guided"] == "false"
    with pytest.raises(UserError, match="OnnxInpainter"):
        Inpainter.load(exported)


def test_a_fixed_size_has_neither_loops_nor_branches_and_runs_in_opencv(tmp_path, capfd):
    generator = small_generator(half_size_deviation=3.0, detail_weight=0.5)
    model_files, path = tmp_path / "model", tmp_path / "fixed.onnx"
    model_files.mkdir()
    write_model_files(generator, model_files, Provenance("a test's"))
    assert call(export, format="onnx", model=model_files, output=path, size="72x48") == 0
    model = onnx.load(path)
    assert not {"Loop", "If", "Scan"} & {node.op_type for node in model.graph.node}
    inpainter, images = OnnxInpainter(path), random_images(2, 48, 72, 3)
    masks = random_masks(2, 48, 72)
    assert inpainter.metadata["size"] == "72x48"
    expected = Inpainter(generator, whole_image=True)(images, masks)
    assert differences(inpainter(images, masks), expected).max() <= 1
    network = cv2.dnn.readNetFromONNX(str(path))
    network.setInput(images[:1], "image")
    network.setInput(masks[:1], "mask")
    assert differences(network.forward("completed"), expected[:1]).max() <= 1
    with pytest.raises(ValueError, match="images of 72 x 48 pixels, got 48 x 72"):
        inpainter(random_images(72, 48, 3), random_masks(1, 72, 48)[0])
    capfd.readouterr()
    assert call(export, format="onnx", model=model_files, output=path, size="15") == 1
    assert_one_line(capfd, "--size", "'15'")
