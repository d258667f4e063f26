"""Export of the trained model."""

import logging
import os

from deepfill_tf.inference.exporting import save_model_directory
from deepfill_tf.storage import run_directory
from deepfill_tf.storage.model_files import check_replaceable
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.averaged_generator import AveragedGenerator
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class ExportModel(Action):
    """Writes the model directory `model/` at the end of training.

    Its weights are the moving average of the generator's, if there is one. Nothing is written if
    only the coarse network is trained.
    """

    def on_train_begin(self, context: TrainingContext) -> None:
        check_replaceable(os.path.join(context.run_dir, run_directory.MODEL))

    def on_train_end(self, context: TrainingContext) -> None:
        if context.pretrain_coarse:
            LOG.info("no model exported: the refinement network is not trained")
            return
        generator = AveragedGenerator(context.state).update()
        path = os.path.join(context.run_dir, run_directory.MODEL)
        save_model_directory(generator, path, origin="trained by deepfill_tf", step=context.step)
        LOG.info("exported %s", path)
