"""Names of packages whose modules are imported when a name is first used.

    __getattr__, __dir__ = lazy_names(__name__, {"Inpainter": "deepfill_tf.inference.inpainter"})

So those modules of a package that need no TensorFlow are usable where there is none.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from deepfill_tf.errors import INSTALL_TENSORFLOW


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns a package's `__getattr__` and `__dir__`.

    Args:
      package: its `__name__`.
      homes: name -> the module that defines it.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(importlib.import_module(homes[name]), name)
        except ModuleNotFoundError as error:
            if error.name != "tensorflow":
                raise
            raise ImportError(f"{name} needs TensorFlow: {INSTALL_TENSORFLOW}") from error

    def names() -> list[str]:
        return sorted({*vars(importlib.import_module(package)), *homes})

    return get, names
