"""The model directory, written on finishing."""

import logging
import os

from deepfill_tf.inference import run_directory, save_model_directory
from deepfill_tf.inference.model_directory import check_replaceable
from deepfill_tf.inference.weights import assign_weights
from deepfill_tf.networks.architecture import architecture_of, model_from_architecture
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.session import Session

LOG = logging.getLogger(__name__)


class ExportModel(Action):
    """Writes `model/` from the generator, or from its moving average where there is one.

    Where only the coarse network is trained there is nothing yet to export.
    """

    def begin(self, session: Session) -> None:
        check_replaceable(os.path.join(session.run_dir, run_directory.MODEL))

    def finish(self, session: Session) -> None:
        if session.pretrain_coarse:
            LOG.info("no model is exported: its refinement network is not trained yet")
            return
        players = session.players
        trained = dict(players.generator_variables.named)
        if players.average is not None:
            trained |= players.average.named
        weights = {name: variable.numpy() for name, variable in trained.items()}
        generator = model_from_architecture(architecture_of(players.generator))
        assign_weights(generator, weights, "the trained generator")
        path = os.path.join(session.run_dir, run_directory.MODEL)
        save_model_directory(generator, path, origin="trained by deepfill_tf", step=session.step)
        LOG.info("exported %s", path)
