"""Images for TensorBoard."""

import tensorflow as tf

from deepfill_tf.checks import check_positive_int
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.ops import composite, height_and_width, offsets_to_color, resize_nearest
from deepfill_tf.training.actions.action import Action, check_every_steps
from deepfill_tf.training.training_context import TrainingContext


class WriteImages(Action):
    """Writes images in five columns: original | masked | coarse | completed | attention flow.

    One set is of validation images, always the same; the other is of the batch of the
    generator's last update.

    Args:
      every_steps: steps between two sets; None: not by steps. The last step is always written.
      count: images in each set.
    """

    def __init__(self, *, every_steps: int | None = 2000, count: int = 4):
        self._every_steps = check_every_steps("WriteImages.every_steps", every_steps)
        self._count = check_positive_int("WriteImages.count", count)

    def on_train_begin(self, context: TrainingContext) -> None:
        self._predict = tf.function(context.state.generator, reduce_retracing=True)

    def on_loop_end(self, context: TrainingContext) -> None:
        if not (context.is_due(self._every_steps) or context.step >= context.max_steps):
            return
        last_batch = context.step * context.batches_per_step - 1
        sets = {
            "validation": context.data.validation_examples(context.seed),
            "batch": context.data.batch(
                last_batch, global_batch_size=context.global_batch_size, seed=context.seed
            ),
        }
        with context.writer.as_default(step=context.step):
            for name, examples in sets.items():
                if examples is not None:
                    tf.summary.image(name, self._strips(examples, context), max_outputs=self._count)

    def _strips(self, examples: dict[str, tf.Tensor], context: TrainingContext) -> tf.Tensor:
        batch = {name: value[: self._count] for name, value in examples.items()}
        coarse, refined, offsets = self._predict(*inputs_of(batch))
        refined = coarse if context.pretrain_coarse else refined
        return image_strips(batch, coarse, refined, offsets)


def image_strips(
    batch: dict[str, tf.Tensor], coarse: tf.Tensor, refined: tf.Tensor, offsets: tf.Tensor
) -> tf.Tensor:
    """Returns original | masked | coarse | completed | flow side by side.

    A sketch, if the batch has one, is drawn into the hole of the masked image.

    Args:
      batch: `image` `[N, H, W, C]` in [-1, 1], `mask` `[N, H, W, 1]`, perhaps `sketch`.
      coarse, refined: predictions, shaped as the image.
      offsets: attention offsets `[N, h, w, 2]`, at any resolution.

    Returns:
      Images in [0, 1], `[N, H, 5 W, 3]`.
    """
    images, masks = batch["image"], batch["mask"]
    masked = images * (1 - masks)
    if "sketch" in batch:
        masked += batch["sketch"] * masks
    flow = resize_nearest(offsets_to_color(offsets), *height_and_width(images))
    panels = [images, masked, coarse, composite(refined, images, masks)]
    if images.shape[-1] == 1:
        panels = [tf.repeat(panel, 3, axis=-1) for panel in panels]
    return tf.clip_by_value((tf.concat([*panels, flow], axis=2) + 1) / 2, 0, 1)
