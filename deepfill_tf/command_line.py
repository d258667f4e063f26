"""What all commands share: flags in, one call, exit code out.

    COMMAND = Command("deepfill-export", __doc__, [Flag("model", "...", required=True)])

    def run(flags) -> int | None:      # None means 0; TensorFlow is imported in here
        ...

    def main() -> None:
        COMMAND.main(run)

Bad input (`UserError`, or flags that do not exist) is one line on standard error and
exit code 1; so is any other exception, with its type and the hint that `--debug`
shows the traceback. A command keeps its flags to itself: any number of command
modules may be imported into one process.
"""

import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from absl import flags

from deepfill_tf.errors import UserError

DONE, FAILED, PARTIAL = 0, 1, 2
INTERRUPTED = 130


@dataclass(frozen=True)
class Flag:
    """One flag: `define` is absl's function that defines it.

    For a flag that may be given several times: `define=flags.DEFINE_multi_string`.
    """

    name: str
    help: str
    default: Any = None
    required: bool = False
    define: Callable = flags.DEFINE_string


_COMMON = (
    Flag("debug", "Show the traceback of an error.", False, define=flags.DEFINE_boolean),
    Flag("help", "Show this help.", False, define=flags.DEFINE_boolean),
)


class Command:
    """A program that users start.

    Args:
      name: the console script's name; it begins every line of complaint.
      description: what the command does, shown by `--help`.
      command_flags: the flags, besides `--debug` and `--help`.
      accepts_unknown_flags: flags that are not the command's own are for another library: `run` gets them as
        a second argument, a list of strings.
    """

    def __init__(
        self,
        name: str,
        description: str,
        command_flags: Sequence[Flag],
        *,
        accepts_unknown_flags: bool = False,
    ):
        self.name = name
        self.accepts_unknown_flags = accepts_unknown_flags
        self.description = description.strip()
        self.flags = (*command_flags, *_COMMON)

    def main(self, run: Callable[..., int | None]) -> NoReturn:
        """Ends the process with the exit code of `run` on the command line's flags."""
        sys.exit(self.exit_code(run, sys.argv[1:]))

    def exit_code(self, run: Callable[..., int | None], arguments: Sequence[str]) -> int:
        """Calls `run` with the flags parsed from `arguments`; raises nothing that is an error."""
        debug = "--debug" in arguments
        try:
            values, others = self._parse(arguments)
            if values.help:
                print(self.usage())
                return DONE
            debug = values.debug
            self._require(values)
            import_tensorflow_quietly()
            return (run(values, others) if self.accepts_unknown_flags else run(values)) or DONE
        except KeyboardInterrupt:
            self.print_error("interrupted")
            return INTERRUPTED
        except Exception as error:
            if debug:
                traceback.print_exc()
            if isinstance(error, UserError):
                self.print_error(error)
            else:
                self.print_error(f"{type(error).__name__}: {error} (run with --debug for more)")
            return FAILED

    def parse(self, arguments: Sequence[str]) -> flags.FlagValues:
        """The flags' values. Raises UserError for what is no flag of this command."""
        return self._parse(arguments)[0]

    def _parse(self, arguments: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
        """The flags' values, and the flags that are passed on."""
        values = flags.FlagValues()
        for flag in self.flags:
            flag.define(flag.name, flag.default, flag.help, flag_values=values)
        try:
            _, *rest = values([self.name, *arguments], known_only=self.accepts_unknown_flags)
        except flags.Error as error:
            raise UserError(f"{error}; see {self.name} --help") from error
        for word in rest:
            if not (self.accepts_unknown_flags and word.startswith("--")):
                raise UserError(
                    f"{word!r} is no flag; flags look like --name=value, see {self.name} --help"
                )
        return values, rest

    def usage(self) -> str:
        """The text of `--help`."""
        lines = [f"usage: {self.name} --flag=value ...", "", self.description, "", "flags:"]
        for flag in self.flags:
            note = " (required)" if flag.required else ""
            if flag.define is flags.DEFINE_multi_string:
                note += " (may be given several times)"
            if flag.default and not isinstance(flag.default, bool):
                many = isinstance(flag.default, list)
                note += f" (default: {','.join(flag.default) if many else flag.default})"
            lines.append(f"  --{flag.name}{note}\n      {flag.help}")
        return "\n".join(lines)

    def print_error(self, message: object) -> None:
        """Writes one line on standard error."""
        print(f"{self.name}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)

    def _require(self, values: flags.FlagValues) -> None:
        for flag in self.flags:
            if flag.required and not getattr(values, flag.name):
                raise UserError(f"--{flag.name} is missing: {flag.help} See {self.name} --help")


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow without its notices, which would bury the one line that matters.

    Warnings and errors stay, and TF_CPP_MIN_LOG_LEVEL, where it is set, has its way.
    """
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    # TensorFlow 2.21 writes some notices before it looks at that variable.
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            importlib.import_module("deepfill_tf.compat")
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
