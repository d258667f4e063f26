"""Trains a network.

python -m deepfill_tf.train --gin_file=celeba.gin --run_dir=runs/celeba

Where the run directory holds checkpoints, training goes on from the newest. Without
--gin_file it trains the config that the run was started with, or quickstart.gin.
"""

import contextlib
import logging
import os
import sys

from absl import flags

from deepfill_tf.command_line import Command, Flag

COMMAND = Command(
    "deepfill-train",
    __doc__,
    [
        Flag(
            "gin_file",
            "A gin file: a path, or the name of one of the package's own (quickstart.gin, "
            "celeba.gin, ...). Later files win.",
            [],
            define=flags.DEFINE_multi_string,
        ),
        Flag(
            "gin_param",
            "A binding, such as 'Trainer.max_steps=1000'.",
            [],
            define=flags.DEFINE_multi_string,
        ),
        Flag("run_dir", "Folder for checkpoints, logs and the model.", required=True),
        Flag(
            "allow_config_change",
            "Go on with another configuration or other images than the run was started with.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)

DEFAULT_CONFIG = "quickstart.gin"
RESTART = 75


class _StandardError(logging.Handler):
    """Writes to standard error as it is at each record: a progress bar takes its place."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def run(values: flags.FlagValues) -> int:
    """Trains; gives 0 when all steps are done and 75 when it is to be started again."""
    import gin

    from deepfill_tf import configuration
    from deepfill_tf.errors import UserError, WorkerLostError
    from deepfill_tf.inference import run_directory
    from deepfill_tf.storage.image_list_check import check_image_list_unchanged
    from deepfill_tf.storage.resume_checks import check_config_unchanged, check_writable
    from deepfill_tf.storage.run_lock import run_lock
    from deepfill_tf.training import actions
    from deepfill_tf.training.distribution.cluster import is_chief

    logging.basicConfig(format="%(message)s", handlers=[_StandardError()])
    logging.getLogger("deepfill_tf").setLevel(logging.INFO)
    held = os.path.join(values.run_dir, run_directory.CONFIG)
    default = held if os.path.exists(held) else DEFAULT_CONFIG
    configuration.parse(values.gin_file or [default], values.gin_param)
    strategy = configuration.configured_strategy()
    chief = is_chief(strategy)
    trainer = configuration.configured_trainer()
    if chief:
        check_writable(values.run_dir)

    def hold(resumed: bool) -> None:
        # A run without a checkpoint has nothing yet that the config must fit.
        allow = values.allow_config_change or not resumed
        changeable = tuple(actions.__all__)
        check_config_unchanged(
            values.run_dir, gin.operative_config_str(), changeable=changeable, allow=allow
        )
        check_image_list_unchanged(values.run_dir, trainer.data.names, allow=allow)

    try:
        with run_lock(values.run_dir) if chief else contextlib.nullcontext():
            finished = trainer.train(
                values.run_dir,
                strategy=strategy,
                on_built=hold,
                allow_change=values.allow_config_change,
            )
    except WorkerLostError as error:
        COMMAND.print_error(error)
        return RESTART
    except (TypeError, ValueError) as error:
        raise UserError(configuration.first_line(error)) from error
    return 0 if finished else RESTART


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
