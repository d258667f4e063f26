"""Trains two steps as `deepfill_tf.train` does.

    python first_step.py RUN_DIRECTORY FILES BINDINGS

FILES and BINDINGS are JSON lists of gin files and bindings. After each step it prints a JSON list:
the time of day and the seconds that the step took.
"""

import dataclasses
import json
import sys
import time

from deepfill_tf.allocator import keep_freed_memory
from deepfill_tf.command_line import import_tensorflow_quietly


def main() -> None:
    keep_freed_memory()
    import_tensorflow_quietly()
    from deepfill_tf.configuration import configured_strategy, configured_trainer, parse
    from deepfill_tf.training.actions import Action

    class PrintStep(Action):
        def on_loop_end(self, context) -> None:
            print(json.dumps([time.time(), 1 / context.steps_per_second]), flush=True)

    run_directory, files, bindings = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    parse(files, bindings)
    strategy = configured_strategy()
    trainer = dataclasses.replace(
        configured_trainer(), max_steps=2, steps_per_loop=1, actions=[PrintStep()]
    )
    trainer.prepare(run_directory, strategy).run()


if __name__ == "__main__":
    main()
