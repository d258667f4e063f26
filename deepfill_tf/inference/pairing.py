"""Finds what belongs together among many files: images, their masks, sketches and outputs.

Images are those of a folder, a list (.txt, .flist) or a glob. With `recursive` the folders below
count too, and masks, sketches and outputs lie in folders of the same names.
`data.partners` describes the names of masks and sketches. The output of `a.jpg` is `a.png`; if
there are several masks, `a_mask001.png`, `a_mask002.png`, ...

In the folder of the images, or if masks and sketches share one, only names with `_mask` and
`_sketch` count. A mask that is a file serves all images, and so does a sketch.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from deepfill_tf.data.file_list import RESOURCE_FORK, is_image, list_images
from deepfill_tf.data.image_files import WRITABLE_SUFFIXES
from deepfill_tf.data.partners import by_name, has_ending, key, partners_of, tried_names
from deepfill_tf.errors import UserError, reason, truncated_list
from deepfill_tf.inference.completion_paths import CompletionPaths, image_suffixes
from deepfill_tf.inference.writable_paths import check_name

# In place of a suffix: outputs have those of their images; .png where such files are not written.
SAME_SUFFIX = "same"
# What Macs, Windows and network drives leave in folders: settings and thumbnails, in lower case.
_LEFT_BY_SYSTEMS = (".ds_store", "thumbs.db", "desktop.ini", "__macosx", "@eadir")


@dataclass
class Plan:
    """What is to be done with many files.

    Attributes:
      completions: one for each pair of image and mask, in the order of the images.
      failures: images that cannot be completed, with the reason.
      left_out: files and folders that do not take part, with the reason.
    """

    completions: list[CompletionPaths] = field(default_factory=list)
    failures: list[tuple[Path, str]] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)


def plan_many(paths: CompletionPaths, *, recursive: bool = False, suffix: str = ".png") -> Plan:
    """Returns the completions of many images.

    Args:
      paths: of the inputs and of the output folder.
      recursive: whether images in a folder's folders count.
      suffix: of the outputs, or `SAME_SUFFIX`.

    Raises UserError if the paths are wrong or there are no images.
    """
    paths.check_many()
    plan = Plan()
    masks = _Partners("mask", paths)
    sketches = _Partners("sketch", paths) if paths.sketch is not None else None
    all_partners = [masks] if sketches is None else [masks, sketches]

    found = _images(paths, plan, recursive)
    images = [image for image in found if not any(p.holds(*image) for p in all_partners)]
    if not images and not plan.failures:
        left_out = truncated_list([str(path) for path, _ in plan.left_out], 5)
        raise UserError(
            f"there are no images in {paths.image}; they end in {image_suffixes()}"
            + (f". Left out: {left_out}" if left_out else "")
        )
    taken: dict[str, Path] = {}
    for image, folder in images:
        try:
            its_masks = masks.of(image, folder)
            sketch = sketches.of(image, folder)[0] if sketches else None
            stems = [mask.stem for mask in its_masks] if len(its_masks) > 1 else [image.stem]
            names = [stem + _output_suffix(image, suffix) for stem in stems]
            outputs = [paths.output / folder / name for name in names]
            for output in outputs:
                check_name(output)
        except UserError as error:
            plan.failures.append((image, str(error)))
            continue
        for mask, output in zip(its_masks, outputs, strict=True):
            other = taken.setdefault(key(str(output)), image)
            if other is image:
                plan.completions.append(CompletionPaths(image, mask, output, sketch))
            else:
                hint = "" if suffix == SAME_SUFFIX else "; --format=same keeps their suffixes"
                message = f"{image} would be written where {other} is, to {output}{hint}"
                plan.failures.append((image, message))
    for partners in all_partners:
        plan.left_out += [(path, "belongs to no image") for path in partners.unused()]
    _check_no_input_is_overwritten(plan)
    return plan


class _Partners:
    """Masks, or sketches, of images."""

    def __init__(self, kind: str, paths: CompletionPaths):
        self._kind, self._path = kind, paths.partners[kind]
        others = [path for other, path in paths.partners.items() if other != kind]
        # Whether only names with the ending count, in all folders; or in these.
        self._shared = any(_real(self._path) == _real(path) for path in others)
        self._folders_of_images: set[str] = set()
        # Folder, relative to `self._path` -> name without suffix, or `x_mask*` -> files.
        self._files: dict[Path, dict[str, list[Path]]] = {}
        self._used: set[Path] = set()

    def holds(self, path: Path, folder: Path) -> bool:
        """Whether a file among the images, in `folder` below all, is a partner."""
        if not self._path.is_dir():
            return path.name == self._path.name and _real(path) == _real(self._path)
        return _real(path.parent) == _real(self._path / folder) and has_ending(
            path.stem, self._kind
        )

    def of(self, image: Path, folder: Path) -> list[Path]:
        """Returns the image's partners. Raises UserError that lists the tried names if none."""
        if not self._path.is_dir():
            return [self._path]
        where = self._path / folder
        with_ending = self._shared
        if _real(where) == _real(image.parent):
            self._folders_of_images.add(_real(where))
            with_ending = True
        files = self._files_in(folder)
        if found := partners_of(image.stem, self._kind, files, with_ending=with_ending):
            self._used.update(found)
            return found
        tried = tried_names(image.stem, self._kind, with_ending=with_ending)
        raise UserError(
            f"{image} has no {self._kind} in {where}; tried {tried}, and other suffixes of images"
        )

    def unused(self) -> list[Path]:
        """Returns the files in the folders that were looked into that belong to no image."""
        found = {path for files in self._files.values() for some in files.values() for path in some}
        return sorted(
            path
            for path in found - self._used
            if has_ending(path.stem, self._kind)
            or not (self._shared or _real(path.parent) in self._folders_of_images)
        )

    def _files_in(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._files:
            self._files[folder] = by_name(_listed(self._path / folder), self._kind)
        return self._files[folder]


def _images(paths: CompletionPaths, plan: Plan, recursive: bool) -> list[tuple[Path, Path]]:
    """Returns images, each with the folder that it lies in below the folder of all.

    Notes in the plan what else is found.
    """
    if not paths.image.is_dir():
        return [(Path(path), Path()) for path in list_images(str(paths.image))]
    images = []
    others = {_real(path) for path in (*paths.partners.values(), paths.output)}
    folders = [Path()]
    while folders:
        folder = folders.pop(0)
        below = []
        try:
            entries = sorted(os.scandir(paths.image / folder), key=lambda entry: entry.name)
        except OSError as error:
            if folder == Path():
                raise UserError(f"cannot read the folder {paths.image}: {reason(error)}") from error
            plan.failures.append((paths.image / folder, f"cannot read the folder: {reason(error)}"))
            continue
        for entry in entries:
            path = Path(entry.path)
            is_folder = path.is_dir()
            if _is_left_by_system(entry.name) or (is_folder and _real(path) in others):
                continue
            if is_folder and not recursive:
                plan.left_out.append((path, "is a folder; --recursive includes it"))
            elif is_folder and _contains(path, paths.image / folder):
                plan.left_out.append((path, "is a link to a folder above it"))
            elif is_folder:
                below.append(folder / entry.name)
            elif is_image(entry.name):
                images.append((path, folder))
            else:
                plan.left_out.append((path, "has no suffix of images"))
        folders = below + folders
    return images


def _listed(folder: Path) -> list[Path]:
    """Returns the image files of a folder; none if there is no such folder."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {reason(error)}") from error
    return [folder / name for name in names if is_image(name)]


def _output_suffix(image: Path, suffix: str) -> str:
    if suffix != SAME_SUFFIX:
        return suffix
    return image.suffix if image.suffix.lower() in WRITABLE_SUFFIXES else ".png"


def _is_left_by_system(name: str) -> bool:
    return name.startswith(RESOURCE_FORK) or name.lower() in _LEFT_BY_SYSTEMS


def _contains(folder: Path, path: Path) -> bool:
    return f"{_real(path)}{os.sep}".startswith(f"{_real(folder)}{os.sep}")


def _check_no_input_is_overwritten(plan: Plan) -> None:
    inputs = {_real(path): path for paths in plan.completions for path in paths.inputs.values()}
    for paths in plan.completions:
        if os.path.exists(paths.output) and (path := inputs.get(_real(paths.output))):
            raise UserError(
                f"the output {paths.output} is the input {path}, which is never overwritten"
            )


def _real(path: Path) -> str:
    return os.path.realpath(path)
