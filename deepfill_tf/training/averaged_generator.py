"""The generator that a run exports: with the moving average of its weights, if there is one."""

from deepfill_tf.compat import keras
from deepfill_tf.networks.architecture import architecture_of, model_from_architecture
from deepfill_tf.storage.weights import assign_weights
from deepfill_tf.training.train_state import TrainState


class AveragedGenerator:
    """A copy of the generator under training, in float32.

    Attributes:
      model: the copy; its weights are those of the last `update`.
    """

    def __init__(self, state: TrainState):
        self._state = state
        self.model = model_from_architecture(architecture_of(state.generator), dtype="float32")

    def update(self) -> keras.Model:
        """Takes the weights over, averaged ones where there is an average; returns the copy."""
        state = self._state
        named = dict(state.generator_variables.named)
        if state.ema is not None:
            named |= state.ema.named
        weights = {name: variable.numpy() for name, variable in named.items()}
        assign_weights(self.model, weights, "the trained generator")
        return self.model
