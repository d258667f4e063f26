"""Numbers of the validation set, always with the same holes."""

import tensorflow as tf

from deepfill_tf.evaluation import completion_metrics
from deepfill_tf.networks.generators import inputs_of
from deepfill_tf.ops import complete
from deepfill_tf.training.actions.action import Action, check_steps
from deepfill_tf.training.session import Session

# Examples that go through the generator at once.
CHUNK = 8


class Validate(Action):
    """L1, L2, PSNR and total variation of the completed validation pictures.

    Args:
      every_steps: steps between validations; there is one at the end too.
    """

    def __init__(self, *, every_steps: int = 2000):
        self._every_steps = check_steps("Validate.every_steps", every_steps)

    def begin(self, session: Session) -> None:
        self._predict = tf.function(session.players.generator, reduce_retracing=True)

    def visit(self, session: Session) -> None:
        if session.passed(self._every_steps) or session.step >= session.max_steps:
            self._validate(session)

    def _validate(self, session: Session) -> None:
        examples = session.data.validation_examples(session.seed)
        if examples is None:
            return
        images, masks = examples["image"], examples["mask"]
        inputs = inputs_of(examples)
        stage = 0 if session.pretrain_coarse else 1
        predicted = [
            self._predict(*(value[i : i + CHUNK] for value in inputs))[stage]
            for i in range(0, images.shape[0], CHUNK)
        ]
        completed = complete(tf.concat(predicted, axis=0), images, masks)
        with session.writer.as_default(step=session.step):
            for name, value in completion_metrics(completed, images, masks).items():
                tf.summary.scalar(f"validation/{name}", value)
