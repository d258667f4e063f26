"""TensorFlow Lite models: their results against TensorFlow's, and what export refuses."""

import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deepfill_tf import export
from deepfill_tf.compat import named_variables
from deepfill_tf.errors import UserError
from deepfill_tf.inference import tflite_exporting
from deepfill_tf.inference.completion import complete_float
from deepfill_tf.inference.tflite_conversion import interpreter_class, run_tflite
from deepfill_tf.inference.tflite_exporting import save_tflite
from deepfill_tf.storage.model_files import Provenance, write_model_files
from tests.command_calls import assert_one_line, call
from tests.inference.test_guided import guided_generator
from tests.small_generators import random_images, random_masks, small_generator

HEIGHT, WIDTH = 40, 28


@pytest.fixture(scope="module")
def float32(generator, tmp_path_factory):
    path = tmp_path_factory.mktemp("tflite") / "small.tflite"
    words = save_tflite(generator, path, height=HEIGHT, width=WIDTH)
    assert "largest difference to TensorFlow" in words
    return path


@pytest.fixture(scope="module")
def guided():
    """Of one network, which converts faster; a sketch takes the same ways in it."""
    return guided_generator(refinement=False, border_correction=(3.0,))


@pytest.fixture(scope="module")
def guided_float32(guided, tmp_path_factory):
    path = tmp_path_factory.mktemp("tflite") / "guided.tflite"
    save_tflite(guided, path, height=HEIGHT, width=WIDTH)
    return path


def inputs_and_expected(generator):
    """Inputs by name, and what TensorFlow completes."""
    image = random_images(1, HEIGHT, WIDTH, 3).astype("f") / 127.5 - 1
    mask = (random_masks(1, HEIGHT, WIDTH) > 127).astype("f")
    sketch = np.zeros_like(mask)
    sketch[:, ::5] = 1
    inputs = {"image": image, "mask": mask} | ({"sketch": sketch} if generator.guided else {})
    edges = sketch > 0.5 if generator.guided else None
    expected = complete_float(generator, tf.constant(image), mask > 0.5, edges)["completed"]
    return inputs, expected


def test_a_model_completes_as_tensorflow_does(generator, float32):
    """Of sizes that are no multiples of 8."""
    inputs, expected = inputs_and_expected(generator)
    completed = run_tflite(float32.read_bytes(), inputs)
    np.testing.assert_allclose(completed, expected, atol=1e-4)
    known = 1 - inputs["mask"]
    np.testing.assert_array_equal(completed * known, inputs["image"] * known)


def test_holes_are_finished_as_tensorflow_finishes_them(tmp_path):
    generator = small_generator(half_size_deviation=3.0, detail_weight=0.7)
    save_tflite(generator, tmp_path / "finished.tflite", height=HEIGHT, width=WIDTH)
    inputs, expected = inputs_and_expected(generator)
    completed = run_tflite((tmp_path / "finished.tflite").read_bytes(), inputs)
    np.testing.assert_allclose(completed, expected, atol=1e-4)


def test_int8_models_blur_in_float(tmp_path):
    generator = small_generator(border_correction=(3.0,), half_size_deviation=4.0)
    Image.fromarray(random_images(50, 60, 3)).save(tmp_path / "a.png")
    words = save_tflite(
        generator,
        tmp_path / "blurred.tflite",
        height=HEIGHT,
        width=WIDTH,
        precision="int8",
        calibration_images=[str(tmp_path / "a.png")],
    )
    assert float(re.search(r"PSNR in the hole ([0-9.]+) dB", words)[1]) > 40


def test_int8_models_that_copy_details_are_refused(tmp_path):
    """The converter would end the process."""
    with pytest.raises(UserError, match="int8 models cannot copy details.*int8_weights"):
        save_tflite(
            small_generator(detail_weight=0.5),
            tmp_path / "details.tflite",
            height=HEIGHT,
            width=WIDTH,
            precision="int8",
        )
    assert not list(tmp_path.iterdir())


def test_guided_models_take_a_sketch(guided, guided_float32):
    inputs, expected = inputs_and_expected(guided)
    content = guided_float32.read_bytes()
    completed = run_tflite(content, inputs)
    np.testing.assert_allclose(completed, expected, atol=1e-5)
    without = run_tflite(content, {**inputs, "sketch": 0 * inputs["sketch"]})
    assert np.abs(without - completed).max() > 1e-3


def test_a_model_has_names_fixed_sizes_and_built_in_operations(float32):
    interpreter = interpreter_class()(model_content=float32.read_bytes())
    signature = interpreter.get_signature_runner("serving_default")
    sizes = {k: tuple(v["shape"]) for k, v in signature.get_input_details().items()}
    expected = {"image": 3, "mask": 1}
    assert sizes == {name: (1, HEIGHT, WIDTH, n) for name, n in expected.items()}
    assert list(signature.get_output_details()) == ["completed"]
    operations = {x["op_name"] for x in interpreter._get_ops_details()}
    assert not {name for name in operations if name.startswith("Flex") or "CUSTOM" in name}


@pytest.mark.parametrize(
    ("precision", "network"),
    # With the attention, whose operations stay float32 in int8.
    [("float16", "guided"), ("int8_weights", "guided"), ("int8", "generator")],
)
def test_less_precise_models_are_smaller_and_close(precision, network, request, tmp_path):
    larger = request.getfixturevalue({"guided": "guided_float32", "generator": "float32"}[network])
    Image.fromarray(random_images(50, 60, 3)).save(tmp_path / "a.png")
    path = tmp_path / "small.tflite"
    save_tflite(
        request.getfixturevalue(network),
        path,
        height=HEIGHT,
        width=WIDTH,
        precision=precision,
        calibration_images=[str(tmp_path / "a.png")],
    )
    assert path.stat().st_size < larger.stat().st_size


def test_a_model_that_disagrees_is_not_kept(guided, tmp_path, monkeypatch):
    """A model of zeros, which the converter makes of Keras 3 variables that it does not see."""

    def converted(completion, **arguments):
        for variable in completion.weights.named.values():
            variable.assign(tf.zeros_like(variable))
        content = convert(completion, **arguments)
        for name, variable in completion.weights.named.items():
            variable.assign(weights[name])
        return content

    weights = {name: tf.identity(v) for name, v in named_variables(guided.weights).items()}
    convert = tflite_exporting.convert_to_tflite
    monkeypatch.setattr(tflite_exporting, "convert_to_tflite", converted)
    path = tmp_path / "small.tflite"
    with pytest.raises(UserError, match="float32 model disagrees: .* 60 dB are required"):
        save_tflite(guided, path, height=HEIGHT, width=WIDTH)
    assert not list(tmp_path.iterdir())


def test_the_command_exports_what_is_asked_for(tmp_path, capfd, float32):
    model = tmp_path / "model"
    model.mkdir()
    write_model_files(small_generator(refinement=False), model, Provenance("a test's"))
    output = tmp_path / "a.tflite"
    asked = {"model": model, "output": output, "format": "tflite"}
    assert call(export, **asked, size="40x32") == 0
    assert " MB; largest difference to TensorFlow" in capfd.readouterr().out
    interpreter = interpreter_class()(model_content=output.read_bytes())
    image = next(x for x in interpreter.get_input_details() if "image" in x["name"])
    assert image["shape"].tolist() == [1, 32, 40, 3]
    before = output.read_bytes()
    for wrong, message in [
        ({}, "--size is missing"),
        ({"size": "8x8"}, "got '8x8'"),
        ({"size": 32, "precision": "int4"}, "float32, float16, int8_weights, int8, got 'int4'"),
        ({"size": 32, "calibration_images": "*.png"}, "calibration_images goes with"),
        (
            {"size": 32, "precision": "int8", "calibration_images": f"{tmp_path}/*.png"},
            f"{tmp_path}/*.png",
        ),
    ]:
        assert call(export, **asked, **wrong) == 1
        assert_one_line(capfd, message)
    assert output.read_bytes() == before
