"""`tf.custom_gradient` for programs that are freed when nobody needs them."""

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

try:
    from tensorflow.python.framework.ops import gradient_registry

    _REGISTERED = gradient_registry._registry
except (ImportError, AttributeError):  # another TensorFlow: programs stay in memory
    _REGISTERED = None


def custom_gradient(function: Callable) -> Callable:
    """`tf.custom_gradient` whose traced programs are freed, see `free_with_program`.

    Args:
      function: takes tensors, returns a pair of outputs and a function of gradients, as for
        `tf.custom_gradient`.

    Example:
      >>> @custom_gradient
      ... def below_one(x):
      ...     return tf.minimum(x, 1.0), lambda gradient: gradient
      >>> x = tf.constant(3.0)
      >>> with tf.GradientTape() as tape:
      ...     tape.watch(x)
      ...     y = below_one(x)
      >>> float(tape.gradient(y, x))
      1.0
    """
    with_gradient = tf.custom_gradient(function)

    @tf.autograph.experimental.do_not_convert
    def call(*operands):
        outputs = with_gradient(*operands)
        free_with_program(outputs)
        return outputs

    return call


def free_with_program(outputs: Any) -> None:
    """Lets the gradient that `tf.custom_gradient` has registered for an operation be freed.

    While a program is traced, TensorFlow registers the gradient of each such operation under a
    name of its own for the life of the process, and the gradient refers to the whole program:
    100 to 200 MB of each training step would stay in memory after the step is gone. After this
    call the gradient lives as long as the programs in which the operation stands. Does nothing
    eagerly, or if the gradient of the operation is TensorFlow's own.

    Args:
      outputs: a tensor or nested tensors, all that the operation has returned.
    """
    if _REGISTERED is None or tf.executing_eagerly():
        return
    operation = tf.nest.flatten(outputs)[0].op
    try:
        name = operation.get_attr("_gradient_op_type").decode()
    except ValueError:
        return
    entry = _REGISTERED[name]
    gradient = entry["type"]
    weak = weakref.ref(gradient)

    def of_a_living_program(*arguments):
        gradient = weak()
        if gradient is None:
            raise LookupError(f"the program of gradient {name} was freed")
        return gradient(*arguments)

    entry["type"] = of_a_living_program
    weakref.finalize(gradient, _REGISTERED.pop, name, None)
    program = operation.graph
    # Branches and loops are programs in programs. The outermost graph is no program: it lives as
    # long as the process.
    while hasattr(program, "outer_graph"):
        if not hasattr(program, "deepfill_gradients"):
            program.deepfill_gradients = []
        program.deepfill_gradients.append(gradient)
        program = program.outer_graph
