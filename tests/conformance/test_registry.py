"""The registry covers every public layer and network."""

import importlib
import pkgutil

from deepfill_tf import layers, networks
from deepfill_tf.compat import keras
from tests.conformance.registry import ENTRIES, built


def public_classes() -> set[type]:
    """Exported by `layers` or `networks`, or registered for serialisation there."""
    for package in (layers, networks):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    exported = {getattr(p, name) for p in (layers, networks) for name in p.__all__}
    custom = keras.utils.get_custom_objects()
    registered = {c for name, c in custom.items() if name.startswith("deepfill_tf>")}
    return {c for c in exported | registered if issubclass(c, keras.layers.Layer)}


def test_every_public_class_is_registered_once():
    covered = {name.split(" ")[0] for name in ENTRIES}
    assert {c.__name__ for c in public_classes()} == covered


def test_entries_are_named_after_their_class():
    for name, entry in ENTRIES.items():
        assert type(entry.make(dtype=None)).__name__ == name.split(" ")[0]


def test_every_public_class_is_registered_for_serialisation():
    for public in public_classes():
        assert keras.utils.get_registered_name(public) == f"deepfill_tf>{public.__name__}"


def test_filled_weights_are_the_same_every_time():
    one, two = (built(ENTRIES["GatedConv2D"]) for _ in range(2))
    assert (one.kernel.numpy() == two.kernel.numpy()).all()
