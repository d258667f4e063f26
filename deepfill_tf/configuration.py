"""Names that gin files may use, and reading such files.

Networks are bound through functions, because gin cannot wrap a Keras class.
"""

import contextlib
import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gin
import tensorflow as tf

from deepfill_tf import data, objectives
from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.networks import GeneratorV1, GeneratorV2
from deepfill_tf.networks.generators import FIRST_PAPER, SECOND_PAPER, Generator
from deepfill_tf.training import actions
from deepfill_tf.training.distribution.strategies import make_strategy
from deepfill_tf.training.trainer import Trainer


def _factory(network: type[keras.Model], defaults: dict) -> Callable[..., keras.Model]:
    """A function that makes the generator, with its arguments and defaults for gin to see."""

    def make(**arguments):
        return network(**arguments)

    make.__name__ = make.__qualname__ = network.__name__
    make.__doc__ = network.__doc__
    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            parameter.replace(default=defaults.get(name, parameter.default))
            for name, parameter in inspect.signature(Generator).parameters.items()
            if name != "name"
        ]
    )
    return make


_BY_THEIR_NAMES = (
    Trainer,
    objectives.Objective,
    objectives.GAN,
    objectives.BoxReconstruction,
    objectives.HoleReconstruction,
    objectives.KnownReconstruction,
    objectives.Perceptual,
    objectives.Reconstruction,
    objectives.Style,
    objectives.TotalVariation,
    data.BrushStrokeMasks,
    data.RectangleMasks,
    data.UnionMasks,
    data.CannySketches,
    data.EdgeFiles,
    data.HolisticSketches,
    data.LandmarkSketches,
    *(getattr(actions, name) for name in actions.__all__ if name != "Action"),
)
CONFIGURABLES: dict[str, Callable] = {
    "data": data.TrainingData,
    "GeneratorV1": _factory(GeneratorV1, FIRST_PAPER),
    "GeneratorV2": _factory(GeneratorV2, SECOND_PAPER),
    **{configurable.__name__: configurable for configurable in _BY_THEIR_NAMES},
}
for _name, _configurable in CONFIGURABLES.items():
    gin.external_configurable(_configurable, name=_name)

# What gin makes of a file that it cannot understand.
_GIN_ERRORS = (ValueError, SyntaxError, TypeError, AttributeError)

# Characters: no binding is broken into several lines.
LONG = 10**6

# The images that ship with the package.
gin.constant("photographs", str(Path(__file__).parent / "photographs"))


def config_directory() -> Path:
    """Where the package's own gin files are: installed with it, or in its checkout."""
    installed = Path(__file__).parent / "configs"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "gin"


gin.add_config_file_search_path(str(config_directory()))


def find_config(name: str) -> str:
    """A gin file: a path, or the name of one of the package's own. Raises UserError."""
    if _is_file(name):
        return name
    own = config_directory() / name
    if own.is_file():
        return str(own)
    known = sorted(
        str(p.relative_to(config_directory())) for p in config_directory().rglob("*.gin")
    )
    raise UserError(
        f"there is no config {name!r}: neither a file nor one of the package's own"
        f"{_nearest(name, known)}; those are {', '.join(n for n in known if '/' not in n)}"
    )


def parse(files: Sequence[str], bindings: Sequence[str]) -> None:
    """Reads gin files, then bindings, into gin; later ones win.

    Raises UserError for a missing file, a name that does not exist (with the nearest
    one that does), or a line that gin cannot read.
    """
    paths = [find_config(name) for name in files]
    try:
        gin.clear_config()
        with _reading_files():
            gin.parse_config_files_and_bindings(paths, list(bindings), finalize_config=False)
    except (*_GIN_ERRORS, OSError, tf.errors.OpError) as error:
        raise UserError(_readable(error, bindings)) from error
    if scoped := re.search(r"^(\w[\w/]*/)(\w+\.\w+) =", gin.config_str(), re.MULTILINE):
        raise UserError(
            f"{scoped[1]}{scoped[2]} would have no effect: nothing here has a scope; "
            f"write {scoped[2]}"
        )


@contextlib.contextmanager
def _reading_files() -> Iterator[None]:
    """Lets gin look for files and nothing else.

    It would also take `models/v2.gin` for a file of a Python package `models`, and fail where the
    working directory has a folder of that name.
    """
    readers, gin.config._FILE_READERS = gin.config._FILE_READERS, [(tf.io.gfile.GFile, _is_file)]
    try:
        yield
    finally:
        gin.config._FILE_READERS = readers


def _is_file(path: str) -> bool:
    return tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path)


def configured_strategy() -> tf.distribute.Strategy:
    """The strategy that the parsed config describes.

    Called before `configured_trainer`: a cluster is joined before TensorFlow has run anything.
    Raises UserError as `make_strategy` does.
    """
    bound = {}
    for name in ("strategy", "devices", "tpu"):
        with contextlib.suppress(ValueError):  # not bound
            bound[name] = gin.query_parameter(f"Trainer.{name}")
    return make_strategy(bound.get("strategy", "auto"), bound.get("devices"), bound.get("tpu"))


def configured_trainer() -> Trainer:
    """The trainer that the parsed config describes.

    Raises UserError where something that the user must give is missing or refused.
    """
    try:
        return gin.get_configurable("Trainer")()
    except UserError as error:
        # gin adds lines that say in which call it was.
        raise UserError(str(error).splitlines()[0]) from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(_readable(error)) from error


def _readable(error: Exception, bindings: Sequence[str] = ()) -> str:
    """What a gin error says, in one line, with the nearest name to a misspelt one."""
    text = str(error)
    where = re.search(r'In file "([^"]+)", line (\d+)', text)
    place = f" ({where[1]}, line {where[2]})" if where else " (--gin_param)"
    if unknown := re.search(r"No configurable matching '([^']+)'", text):
        return f"{unknown[1]!r} cannot be configured{_nearest(unknown[1], CONFIGURABLES)}{place}"
    if unknown := re.search(r"No configurable matching reference '@([^'(]+)", text):
        return f"there is no @{unknown[1]}{_nearest(unknown[1], CONFIGURABLES)}{place}"
    if needed := re.search(
        r"(\w+)\.__init__\(\) missing .*required keyword-only argument.*?: (.*)", text
    ):
        return f"{needed[1]} needs {needed[2]}: name a whole config first, such as quickstart.gin"
    if misspelt := re.search(
        r"'([^']+)'.* (?:doesn't have|has no) a parameter named '([^']+)'", text
    ):
        return _unknown_parameter(misspelt[1], misspelt[2]) + place
    if missing := re.search(
        r"Required bindings for `([^`]+)` not provided in config: (\[.*?\])", text
    ):
        return f"{missing[1]} needs {missing[2]}: set them with --gin_param or in a gin file"
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        if error.filename:
            place = f" ({error.filename}, line {error.lineno})"
        elif bindings:
            line = bindings[min(error.lineno or 1, len(bindings)) - 1]
        return f"gin cannot read {line!r}: {error.msg}{place}"
    first = next((line.strip() for line in text.splitlines() if line.strip()), repr(error))
    return _with_its_configurable(first, error) + (place if where else "")


def first_line(error: Exception) -> str:
    """What an error says, without the lines that gin and TensorFlow put around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("In call to", "in user code", "•"))]
    line = lines[0] if lines and not lines[0].startswith("File ") else (lines or [repr(error)])[-1]
    return _with_its_configurable(line, error)


def _with_its_configurable(line: str, error: Exception) -> str:
    """A line of an error, with the bindings that led to it if it does not say whose they are."""
    call = re.search(r"In call to configurable '(\w+)'", str(error))
    if call is None or call[1] in line:
        return line
    bound = re.findall(rf"^{call[1]}\.\w+ = .+$", gin.config_str(LONG), re.MULTILINE)
    return f"{call[1]}: {line}" + (f" ({', '.join(bound)})" if bound else "")


def _unknown_parameter(configurable: str, parameter: str) -> str:
    known = CONFIGURABLES.get(configurable.rsplit(".", 1)[-1])
    names = list(inspect.signature(known).parameters) if known else []
    return f"{configurable} has no parameter {parameter!r}{_nearest(parameter, names)}"


def _nearest(name: str, known) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
