"""Evaluates a model, or images that any program completed, beside baselines.

Every image gets a hole by --protocol, a function of the image's content and --seed alone;
manifest.json in the output describes them, and --manifest draws the same holes again. The
output is a folder with report.html, report.md, report.json, images.csv and manifest.json; a
summary is printed. A stopped evaluation resumes if it is started again; baselines are
computed once for each manifest. Several processes share the work with --part.
docs/evaluation.md defines the metrics and the protocols.

Exit codes: 0 done; 1 nothing was evaluated, or --require or --fail_if_worse is not met; 2 done
except for the images that are named.
"""

from absl import flags

from deepfill_tf.command_line import DONE, FAILED, PARTIAL, Command, Flag
from deepfill_tf.errors import UserError

COMMAND = Command(
    "deepfill-evaluate",
    __doc__,
    [
        Flag(
            "model",
            "A run directory, a model directory or a SavedModel; without it, and without "
            "--completed, the package's model.",
        ),
        Flag(
            "completed",
            "A folder of images that another program completed, see docs/evaluation.md for names.",
            define=flags.DEFINE_multi_string,
        ),
        Flag("images", "Images: a glob in quotes, a folder or a list.", required=True),
        Flag("output", "The folder to write.", required=True),
        Flag(
            "protocol",
            "How holes are drawn: center, random_rectangle, free_form, narrow, medium, wide, "
            "irregular_bins, outpaint, or files with --masks; center if left out.",
        ),
        Flag("masks", "For --protocol=files: a folder of masks, or one mask; white is the hole."),
        Flag("manifest", "A manifest.json, whose holes are drawn again."),
        Flag("seed", "Seed of the holes, 0 if left out.", None, define=flags.DEFINE_integer),
        Flag("size", "Size of the images, 256 or 320x240 (width x height); else their own."),
        Flag("limit", "Evaluate this many images only.", None, define=flags.DEFINE_integer),
        Flag(
            "require",
            "Fail unless a metric has this value, such as 'psnr>=22'.",
            define=flags.DEFINE_multi_string,
        ),
        Flag("baseline", "A report.json of the same manifest to compare with."),
        Flag(
            "fail_if_worse",
            "Fail if the result is worse than that of --baseline.",
            False,
            define=flags.DEFINE_boolean,
        ),
        Flag("lpips_weights", "A folder with the weights of LPIPS, see docs/evaluation.md."),
        Flag(
            "fid_weights",
            "The weights of FID's InceptionV3, or a SavedModel of features; see "
            "docs/evaluation.md.",
        ),
        Flag(
            "part",
            "Compute a part of the rows and no report, such as 1/2: for several processes with the "
            "same --output or --cache. A last run without it writes the report.",
        ),
        Flag("cache", "Folder of the rows that are kept; --output/cache if left out."),
        Flag(
            "save_images",
            "Also write the images, masks and completed images, for other programs.",
            False,
            define=flags.DEFINE_boolean,
        ),
        Flag(
            "sketches",
            "Sketches that a guided model gets: empty or canny (edges of the original).",
            "empty",
        ),
        Flag(
            "overwrite",
            "Replace the report of another evaluation in --output.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)


def run(values: flags.FlagValues) -> int:
    """Returns 0; 1 if a requirement is not met or the result is worse; 2 if images are left out."""
    try:
        from deepfill_tf.evaluation.evaluation import evaluate
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "matplotlib"):
            raise
        raise UserError(
            f'the report needs {error.name}: pip install "deepfill-tf[evaluation]"'
        ) from error
    from deepfill_tf.evaluation.settings import Part, Settings
    from deepfill_tf.storage.loading import default_model

    model = values.model or (None if values.completed else str(default_model()))
    failures, left_out = evaluate(
        Settings(
            images=values.images,
            output=values.output,
            model=model,
            completed=values.completed or [],
            protocol=values.protocol,
            masks=values.masks,
            manifest=values.manifest,
            seed=values.seed,
            size=values.size,
            limit=values.limit,
            require=values.require or [],
            baseline=values.baseline,
            fail_if_worse=values.fail_if_worse,
            cache=values.cache,
            lpips_weights=values.lpips_weights,
            fid_weights=values.fid_weights,
            save_images=values.save_images,
            sketches=values.sketches,
            overwrite=values.overwrite,
            part=Part.parse(values.part) if values.part else None,
        )
    )
    for line in [*left_out, *failures]:
        COMMAND.print_error(line)
    if failures:
        return FAILED
    return PARTIAL if left_out else DONE


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
