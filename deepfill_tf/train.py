"""Trains an inpainting network.

python -m deepfill_tf.train --gin_file=celeba.gin --run_dir=runs/celeba

If the run directory has checkpoints, training resumes from the latest valid one. Without
--gin_file the config is that of the run directory, or quickstart.gin for a new run. The trained
model is written to model/ in the run directory.

Exit codes: 0 all steps are done; 1 failed; 75 stopped, or a worker was lost: run the same command
again to resume.
"""

import contextlib
import logging
import os
import sys

from absl import flags

from deepfill_tf.command_line import DONE, RESTART, Command, Flag

COMMAND = Command(
    "deepfill-train",
    __doc__,
    [
        Flag(
            "gin_file",
            "A gin file: a path, or the name of a config of the package (quickstart.gin, "
            "celeba.gin, ...). Bindings of later files override those of earlier ones.",
            [],
            define=flags.DEFINE_multi_string,
        ),
        Flag(
            "gin_param",
            "A binding, such as 'Trainer.max_steps=1000'.",
            [],
            define=flags.DEFINE_multi_string,
        ),
        Flag("run_dir", "Directory for checkpoints, logs and the model.", required=True),
        Flag(
            "allow_config_change",
            "Resume with another config or other images than the run was started with.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)

DEFAULT_CONFIG = "quickstart.gin"


class _StandardError(logging.Handler):
    """Writes to the present `sys.stderr`, which a progress bar may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        print(level + self.format(record), file=sys.stderr, flush=True)


def run(values: flags.FlagValues) -> int:
    """Trains. Returns 0 if all steps are finished, 75 if the command has to be run again."""
    import gin

    from deepfill_tf import configuration
    from deepfill_tf.configuration_errors import first_line
    from deepfill_tf.errors import UserError, WorkerLostError
    from deepfill_tf.storage import run_directory
    from deepfill_tf.storage.resume_checks import (
        check_config_unchanged,
        check_image_list_unchanged,
        check_writable,
        write_config_and_image_list,
    )
    from deepfill_tf.storage.run_lock import run_lock
    from deepfill_tf.training.distribution.cluster import is_chief
    from deepfill_tf.training.stop_request import StopRequest

    logging.basicConfig(format="%(message)s", handlers=[_StandardError()])
    logging.getLogger("deepfill_tf").setLevel(logging.INFO)
    saved_config = os.path.join(values.run_dir, run_directory.CONFIG)
    default_config = saved_config if os.path.exists(saved_config) else DEFAULT_CONFIG
    configuration.parse(values.gin_file or [default_config], values.gin_param)
    # First of all: a cluster must be joined before TensorFlow runs any operation.
    strategy = configuration.configured_strategy()
    trainer = configuration.configured_trainer()
    chief = is_chief(strategy)
    if chief:
        check_writable(values.run_dir)
    allow_change = values.allow_config_change

    def check_unchanged() -> None:
        """Raises UserError if the run was started with another config or other images."""
        check_config_unchanged(
            values.run_dir,
            gin.operative_config_str(),
            allow_change=allow_change,
            default_of=configuration.default_of,
        )
        names = check_image_list_unchanged(
            values.run_dir, trainer.data.names, allow_change=allow_change
        )
        trainer.data.keep_absent(names)

    try:
        with run_lock(values.run_dir) if chief else contextlib.nullcontext(), StopRequest() as stop:
            training = trainer.prepare(
                values.run_dir,
                strategy,
                allow_change=allow_change,
                before_restore=check_unchanged,
            )
            if chief:
                write_config_and_image_list(
                    values.run_dir, gin.operative_config_str(), trainer.data.names
                )
            finished = training.run(stop.is_requested)
    except WorkerLostError as error:
        COMMAND.print_error(error)
        return RESTART
    except (TypeError, ValueError) as error:
        raise UserError(first_line(error)) from error
    return DONE if finished else RESTART


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
