"""Imports point down only, from the commands to the operations."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deepfill_tf"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# From top to bottom; the modules of a level may import their own level and those below it.
LEVELS = [
    {"train", "inpaint", "export", "evaluate", "convert", "demo"},
    {"configuration", "configuration_errors"},
    {"training"},
    {"preparation"},
    {"evaluation"},
    {"inference"},
    {"storage"},
    {"objectives"},
    {"data"},
    {"networks"},
    {"layers"},
    {"ops"},
]
# Importable from anywhere; they import each other at most.
LEAVES = {
    *("allocator", "atomic", "checks", "command_line", "compat", "errors", "file_system"),
    *("lazy_names", "schedules", "scoped_value"),
}


def level_of(part: str) -> int:
    return next(i for i, level in enumerate(LEVELS) if part in level)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports anywhere, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            if node.module == "deepfill_tf":
                names |= {f"deepfill_tf.{alias.name}" for alias in node.names}
            else:
                names.add(node.module)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    part = part_of(path)
    own = {name.split(".")[1] for name in imported(path) if name.startswith("deepfill_tf.")}
    if part == "__init__":
        return
    if part in LEAVES:
        assert own <= LEAVES
        return
    for other in own - LEAVES - {"__version__"}:
        assert level_of(other) >= level_of(part), f"{path.name} imports {other} from above"


def test_every_part_of_the_package_has_its_level():
    parts = {part_of(path) for path in MODULES} - LEAVES - {"__init__"}
    assert parts <= set().union(*LEVELS)


@pytest.mark.parametrize("path", sorted((PACKAGE / "ops").glob("*.py")), ids=lambda p: p.name)
def test_ops_know_neither_keras_nor_gin(path):
    assert not {name.split(".")[0] for name in imported(path)} & {"keras", "gin"}
    assert "deepfill_tf.compat" not in imported(path)
    assert "tf.keras" not in path.read_text()


def test_only_compat_asks_which_keras_it_is():
    asking = [path.name for path in MODULES if "KERAS_3" in path.read_text()]
    assert asking == ["compat.py"]


def test_nothing_imports_keras_or_the_addons_directly():
    for path in MODULES:
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"keras", "tf_keras", "tensorflow_addons"}, path


def test_training_does_not_import_the_reports():
    """They need packages for plots and pages, which take seconds to import."""
    modules = {"deepfill_tf." + name_of(path): path for path in MODULES}
    reached, new = set(), {name for name in modules if name.startswith("deepfill_tf.training")}
    while new:
        reached |= new
        names = set().union(*(imported(modules[name]) for name in new))
        # A package is imported before its modules.
        names |= {".".join(name.split(".")[:i]) for name in names for i in range(2, 9)}
        assert not {name.split(".")[0] for name in names} & {"matplotlib", "jinja2", "patchmatch"}
        new = (names & modules.keys()) - reached
    assert "deepfill_tf.evaluation" in reached


def name_of(path: Path) -> str:
    """A module's name below the package; that of a package for its `__init__.py`."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__")


def test_files_are_named_after_what_they_hold():
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]:
        assert not {"utils", "helpers", "misc"} & set(path.stem.split("_")), path
