"""The names that gin files can configure, and reading of such files.

Networks are bound through functions, because gin cannot wrap a Keras class.
"""

import contextlib
import functools
import inspect
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gin
import tensorflow as tf

from deepfill_tf import data, objectives
from deepfill_tf.compat import keras
from deepfill_tf.configuration_errors import GIN_ERRORS, binding_error, nearest
from deepfill_tf.errors import UserError, reason
from deepfill_tf.networks import GeneratorV1, GeneratorV2
from deepfill_tf.schedules import PiecewiseLinear
from deepfill_tf.storage.loading import DEFAULT_MODEL
from deepfill_tf.training import actions
from deepfill_tf.training.distribution.strategies import make_strategy
from deepfill_tf.training.trainer import Trainer


def _factory(network: type[keras.Model]) -> Callable[..., keras.Model]:
    """A function that makes the network and has its signature, except for the model's name."""

    @functools.wraps(network, updated=())
    def make(**arguments):
        return network(**arguments)

    signature = inspect.signature(network)
    parameters = [p for p in signature.parameters.values() if p.name != "name"]
    signature = signature.replace(parameters=parameters)
    make.__signature__ = signature  # type: ignore[attr-defined]
    return make


# Classes that gin files use by their own names.
CONFIGURABLE_CLASSES = (
    Trainer,
    PiecewiseLinear,
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
    data.MaskFiles,
    data.MixtureMasks,
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
    "strategy": make_strategy,
    "GeneratorV1": _factory(GeneratorV1),
    "GeneratorV2": _factory(GeneratorV2),
    **{configurable.__name__: configurable for configurable in CONFIGURABLE_CLASSES},
}
for _name, _configurable in CONFIGURABLES.items():
    gin.external_configurable(_configurable, name=_name)

# The photographs of the package, for `data.root = %photographs`.
gin.constant("photographs", str(Path(__file__).parent / "photographs"))
# The model that comes with the package, for `Trainer.init_generator_from = %default_model`.
gin.constant("default_model", str(DEFAULT_MODEL))


def config_directory() -> Path:
    """Directory of the package's gin files, in an installation or in a checkout."""
    installed = Path(__file__).parent / "configs"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "gin"


gin.add_config_file_search_path(str(config_directory()))


def find_config(name: str) -> str:
    """Returns the path of a gin file: `name` itself, or a config of the package of that name.

    Raises UserError if there is no such file.
    """
    if _is_file(name):
        return name
    directory = config_directory()
    if (directory / name).is_file():
        return str(directory / name)
    known = sorted(str(path.relative_to(directory)) for path in directory.rglob("*.gin"))
    raise UserError(
        f"there is no config {name!r}, neither as a file nor in the package{nearest(name, known)}; "
        f"the package has {', '.join(path for path in known if '/' not in path)}"
    )


def parse(files: Sequence[str], bindings: Sequence[str]) -> None:
    """Reads gin files, then bindings, into gin; later values override earlier ones.

    Args:
      files: paths, or names of configs of the package.
      bindings: statements such as "Trainer.max_steps = 1000".

    Raises:
      UserError: if a file is missing, a name does not exist (the message has the nearest one
        that does), or gin cannot read a line.
    """
    paths = [find_config(name) for name in files]
    try:
        gin.clear_config()
        with _reading_files_only() as texts:
            gin.parse_config_files_and_bindings(paths, list(bindings), finalize_config=False)
    except (*GIN_ERRORS, OSError, tf.errors.OpError) as error:
        raise UserError(binding_error(error, CONFIGURABLES, bindings)) from error
    # A later binding may have replaced what used a scope: the texts still have it.
    used = set(re.findall(r"@(\w[\w/]*/\w+)", "\n".join([*texts, *bindings])))
    scoped_bindings = re.findall(r"^(\w[\w/]*/\w+)(\.\w+) =", gin.config_str(), re.MULTILINE)
    for scoped, binding in scoped_bindings:
        if scoped not in used:
            name = scoped.rsplit("/", 1)[1]
            raise UserError(
                f"{scoped}{binding} would have no effect: nothing uses @{scoped}(); write "
                f"{name}{binding}"
            )


@contextlib.contextmanager
def _reading_files_only() -> Iterator[list[str]]:
    """Stops gin from looking for config files in Python packages; yields the texts that it reads.

    It takes `models/v2.gin` for a file of a package `models`, and fails if the working directory
    has a folder of that name.
    """
    texts: list[str] = []

    def read(path: str) -> io.StringIO:
        with tf.io.gfile.GFile(path) as file:
            texts.append(file.read())
        stream = io.StringIO(texts[-1])
        stream.name = path  # for messages
        return stream

    readers, gin.config._FILE_READERS = gin.config._FILE_READERS, [(read, _is_file)]
    try:
        yield texts
    finally:
        gin.config._FILE_READERS = readers


def _is_file(path: str) -> bool:
    return tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path)


def configured_strategy() -> tf.distribute.Strategy:
    """Returns the strategy that the parsed config describes, see `make_strategy`.

    Call it before anything else of TensorFlow, because a cluster has to be joined first. Raises
    UserError if the strategy cannot be made.
    """
    return _configured("strategy")


def configured_trainer() -> Trainer:
    """Returns the trainer that the parsed config describes.

    Raises UserError if a required value is missing or a value is invalid.
    """
    return _configured("Trainer")


def _configured(name: str):
    try:
        return gin.get_configurable(name)()
    except UserError as error:
        # Without the lines that gin adds about its calls.
        raise UserError(reason(error)) from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(binding_error(error, CONFIGURABLES)) from error


def default_of(binding: str) -> object:
    """The default of an argument such as "Trainer.seed"; `inspect.Parameter.empty` if it has none.

    A scope is ignored; names that do not exist have no default.
    """
    configurable, _, argument = binding.rsplit("/", 1)[-1].partition(".")
    if configurable not in CONFIGURABLES:
        return inspect.Parameter.empty
    parameter = inspect.signature(CONFIGURABLES[configurable]).parameters.get(argument)
    return parameter.default if parameter else inspect.Parameter.empty
