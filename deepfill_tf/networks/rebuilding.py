"""Building of networks that Keras loads from a file."""

from typing import Any

import tensorflow as tf


class RebuiltOnLoading:
    """Mixin of a `keras.Model` that `keras.models.load_model` builds by a call on zeros.

    Keras restores a saved model's weights into the layers that are built then, and leaves the
    others as they are without a word. It can build a subclassed model only from the shape of a
    single input. A subclass implements `example_inputs`, and `input_shapes` where other sizes
    make other weights.
    """

    def input_shapes(self) -> list[list[int]]:
        """Shapes of inputs that the network can be built with as it is built."""
        return [list(inputs.shape) for inputs in self.example_inputs()]  # type: ignore[attr-defined]

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns what `build_from_config` needs; None if there are no variables yet."""
        return {"input_shapes": self.input_shapes()} if self.built else None  # type: ignore[attr-defined]

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Creates the variables, with the names that they have after any first call."""
        self(*(tf.zeros(shape, self.compute_dtype) for shape in config["input_shapes"]))  # type: ignore
