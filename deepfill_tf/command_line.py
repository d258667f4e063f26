"""Base of all commands: flags in, one call, exit code out.

    COMMAND = Command("deepfill-export", __doc__, [Flag("model", "...", required=True)])

    def run(flags) -> int | None:      # None means 0; TensorFlow is imported before
        ...

    def main() -> None:
        COMMAND.main(run)

Bad input (`UserError`, or unknown flags) is reported in one line on standard error and
exit code 1; so is any other exception, with its type and the hint that `--debug`
shows the traceback. Flags belong to their command, not to the process: any number of
command modules may be imported into one process.
"""

import contextlib
import gc
import importlib
import importlib.util
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from absl import flags

from deepfill_tf.allocator import keep_freed_memory
from deepfill_tf.errors import INSTALL_TENSORFLOW, UserError

# Exit codes. PARTIAL: some of several images failed. RESTART: training has to be run again to
# resume. INTERRUPTED is the shells' code for SIGINT.
DONE, FAILED, PARTIAL = 0, 1, 2
RESTART = 75
INTERRUPTED = 130

# Packages that Keras imports where they are installed, which takes a second, for parts of it that
# no command uses. For Keras they stay missing in the whole process.
OPTIONAL_IMPORTS_OF_KERAS = ("matplotlib", "pandas", "sklearn")


@dataclass(frozen=True)
class Flag:
    """One flag of a command.

    Attributes:
      name: without dashes.
      help: one sentence, shown by `--help`.
      default: its value if it is not given.
      required: whether a value other than an empty one must be given.
      define: absl's function that defines it; `flags.DEFINE_multi_string` for a flag that may
        be given several times.
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
      name: the console script's name; it begins every line of an error.
      description: what the command does, shown by `--help`.
      command_flags: the flags, besides `--debug` and `--help`.
      accepts_unknown_flags: unknown flags are those of another library: `run` gets them as a
        second argument, a list of strings.
      needs_tensorflow: of the flags' values, whether `run` needs TensorFlow, which is imported
        before it if so.
    """

    def __init__(
        self,
        name: str,
        description: str,
        command_flags: Sequence[Flag],
        *,
        accepts_unknown_flags: bool = False,
        needs_tensorflow: Callable[[flags.FlagValues], bool] = lambda values: True,
    ):
        self.name = name
        self.accepts_unknown_flags = accepts_unknown_flags
        self.needs_tensorflow = needs_tensorflow
        self.description = description.strip()
        self.flags = (*command_flags, *_COMMON)

    def main(self, run: Callable[..., int | None]) -> NoReturn:
        """Ends the process with the exit code of `run` on the command line's flags."""
        code = self.exit_code(run, sys.argv[1:])
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as error:
            # What is left is dropped. A reader that has ended, such as `head`, wants no more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                self.print_error(f"cannot write to standard output: {error.strerror}")
                code = FAILED
        sys.exit(code)

    def exit_code(self, run: Callable[..., int | None], arguments: Sequence[str]) -> int:
        """Returns the exit code of `run` on the flags in `arguments`; errors are printed."""
        debug = "--debug" in arguments
        try:
            values, others = self._parse(arguments)
            if values.help:
                with contextlib.suppress(OSError):  # `main` sees it again
                    print(self.usage())
                return DONE
            debug = values.debug
            self._require(values)
            keep_freed_memory()
            if self.needs_tensorflow(values):
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
        """Returns the flags' values. Raises UserError for unknown flags and arguments."""
        return self._parse(arguments)[0]

    def _parse(self, arguments: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
        """Returns the flags' values, and the unknown flags if the command accepts them."""
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
                    f"unexpected argument {word!r}; expected --name=value, see {self.name} --help"
                )
        return values, rest

    def usage(self) -> str:
        """Returns the text of `--help`."""
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
        print(f"{self.name}: {_one_line(message)}", file=sys.stderr, flush=True)

    def print_line(self, message: object) -> None:
        """Writes one line on standard output, whatever names of files are in it."""
        # Standard output refuses names that are not in its encoding, standard error escapes them.
        encoding = sys.stdout.encoding or "utf-8"
        print(_one_line(message).encode(encoding, "backslashreplace").decode(encoding), flush=True)

    def _require(self, values: flags.FlagValues) -> None:
        for flag in self.flags:
            if flag.required and not getattr(values, flag.name):
                raise UserError(f"--{flag.name} is missing: {flag.help} See {self.name} --help")


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def has_tensorflow() -> bool:
    """Returns True if TensorFlow is installed."""
    return "tensorflow" in sys.modules or importlib.util.find_spec("tensorflow") is not None


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow fast, and without its notices, which would hide a command's own lines.

    Warnings and errors are shown. TF_CPP_MIN_LOG_LEVEL is respected if it is set. Raises UserError
    if TensorFlow is not installed.
    """
    if not has_tensorflow():
        raise UserError(f"TensorFlow is not installed: {INSTALL_TENSORFLOW}")
    if "tensorflow" in sys.modules:
        return
    notices = contextlib.nullcontext() if "TF_CPP_MIN_LOG_LEVEL" in os.environ else _no_notices()
    with notices, _hidden(OPTIONAL_IMPORTS_OF_KERAS), _no_collection():
        importlib.import_module("deepfill_tf.compat")


@contextlib.contextmanager
def _no_notices() -> Iterator[None]:
    """Drops standard error; afterwards TensorFlow writes only warnings and errors."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    # TensorFlow 2.21 writes some notices before it looks at that variable.
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextlib.contextmanager
def _hidden(packages: Iterable[str]) -> Iterator[None]:
    """Inside, packages that are not imported yet cannot be, as if they were not installed."""
    modules: dict[str, Any] = sys.modules
    absent = [name for name in packages if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            modules.pop(name, None)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Inside, the garbage collector is off; it ignores later what exists at the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
