"""Examples in docstrings run, and print what they say."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import deepfill_tf
from deepfill_tf import evaluation, layers, networks, ops

PACKAGES = (ops, layers, networks)
MODULES = [
    deepfill_tf.__name__,
    deepfill_tf.Inpainter.__module__,
    deepfill_tf.load_generator.__module__,
    deepfill_tf.read_image.__module__,
    deepfill_tf.read_mask.__module__,
    deepfill_tf.write_completed.__module__,
    *(
        module.name
        for package in (*PACKAGES, evaluation)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ),
]
PUBLIC = [
    pytest.param(getattr(package, name), id=f"{package.__name__}.{name}")
    for package in (*PACKAGES, deepfill_tf)
    for name in package.__all__
    if callable(getattr(package, name)) and name != "UserError"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_module_run(name):
    results = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert results.failed == 0, "see the captured output"


@pytest.mark.parametrize("thing", PUBLIC)
def test_public_classes_and_functions_have_an_example(thing):
    assert "Example:\n" in inspect.getdoc(thing)
    assert ">>> " in inspect.getdoc(thing)
