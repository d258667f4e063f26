"""GANs: discriminators, what each of them sees, and their adversarial loss."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from deepfill_tf.checks import check_at_least, check_choice, check_positive_int
from deepfill_tf.compat import build_layer, keras
from deepfill_tf.networks import GlobalDiscriminator, GlobalLocalDiscriminator, PatchDiscriminator
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.objectives.adversarial import (
    HINGE,
    LEAST_SQUARES,
    LOGISTIC,
    WASSERSTEIN,
    AdversarialLoss,
)
from deepfill_tf.objectives.gradient_penalty import gradient_penalty, interpolate
from deepfill_tf.objectives.term import Batch
from deepfill_tf.ops import crop

# A loss, and scalars to report by name.
Losses = tuple[tf.Tensor, dict[str, tf.Tensor]]


class DiscriminatorView(NamedTuple):
    """The part of an image that a discriminator sees, and its scores for that part.

    Attributes:
      name: name of the part in reports.
      crop: function `(images, batch)` that returns the part of `images`, or of masks, that is
        scored.
      score: function `(discriminator, part, batch)` that returns the scores.
      needs_box: True if `crop` reads `box_rows` and `box_columns` of the batch.
      alpha_column: column of the batch's `penalty_alpha` for the gradient penalty.
      weight_attribute: name of the attribute of `GAN` that weights this view in the
        generator's loss; None for a weight of 1.
    """

    name: str
    crop: Callable[[tf.Tensor, Batch], tf.Tensor]
    score: Callable[[keras.Model, tf.Tensor, Batch], tf.Tensor]
    needs_box: bool = False
    alpha_column: int = 0
    weight_attribute: str | None = None


def _whole_image(images: tf.Tensor, batch: Batch) -> tf.Tensor:
    return images


def _box(images: tf.Tensor, batch: Batch) -> tf.Tensor:
    return crop(images, batch["box_rows"], batch["box_columns"])


def _conditional_score(discriminator: keras.Model, images: tf.Tensor, batch: Batch) -> tf.Tensor:
    """Scores given the mask and the sketch; spectral norms are updated."""
    return discriminator(*inputs_of({**batch, "image": images}), training=True)


PATCHES = DiscriminatorView("patch", _whole_image, _conditional_score)
GLOBAL = DiscriminatorView(
    "global",
    _whole_image,
    lambda discriminator, images, batch: discriminator.whole(images),
    alpha_column=1,
    weight_attribute="global_discriminator_weight",
)
LOCAL = DiscriminatorView(
    "local",
    _box,
    lambda discriminator, boxes, batch: discriminator.box(boxes),
    needs_box=True,
    alpha_column=0,
)
GLOBAL_ALONE = DiscriminatorView(
    "global",
    _whole_image,
    lambda discriminator, images, batch: discriminator(images),
    alpha_column=1,
)


class GANSpec(NamedTuple):
    """Parts of a GAN.

    Attributes:
      network: class of the discriminator.
      views: parts of the image that the discriminator sees; its loss is the sum over them.
      loss: adversarial loss of both networks.
      penalized: True for a gradient penalty in the discriminator's loss.
      conditional: True if the discriminator is called with masks, and sketches if guided,
        as well.
    """

    network: type[keras.Model]
    views: tuple[DiscriminatorView, ...]
    loss: AdversarialLoss
    penalized: bool = False
    conditional: bool = False


GANS = {
    "hinge": GANSpec(PatchDiscriminator, (PATCHES,), HINGE, conditional=True),
    "wgan_gp": GANSpec(GlobalLocalDiscriminator, (GLOBAL, LOCAL), WASSERSTEIN, penalized=True),
    "wgan_gp_global": GANSpec(GlobalDiscriminator, (GLOBAL_ALONE,), WASSERSTEIN, penalized=True),
    "dcgan": GANSpec(GlobalLocalDiscriminator, (GLOBAL, LOCAL), LOGISTIC),
    "lsgan": GANSpec(GlobalLocalDiscriminator, (GLOBAL, LOCAL), LEAST_SQUARES),
}


@dataclass(frozen=True, kw_only=True)
class GAN:
    """Adversarial part of an objective, for the generator of either paper.

    A batch is a dict of `image` `[N, H, W, C]` in [-1, 1] and `mask` `[N, H, W, 1]` or
    `[1, H, W, 1]` (1 is the hole), and of

      * `sketch` `[N, H, W, 1]`, if the discriminator is guided;
      * `box_rows` `[N, h]` and `box_columns` `[N, w]`, see `ops.crop`, if `needs_box`;
      * `penalty_alpha` `[N, 2]` in [0, 1), if there is a gradient penalty: the position
        between each image and its completion where the slope of the local (column 0) and of
        the global discriminator (column 1) is penalised.

    Attributes:
      kind: "hinge": spectrally normalised patch discriminator with hinge loss (second
        paper). "wgan_gp": global and local critic, Wasserstein loss with gradient penalty
        (first paper). "wgan_gp_global": the global critic alone. "dcgan", "lsgan": the
        first paper's two discriminators with cross entropy or least squares.
      width: channels of the discriminators' first layers.
      gradient_penalty_weight: weight of the gradient penalty in the discriminator's loss; 10
        as in Gulrajani et al. (2017).
      global_discriminator_weight: weight of the global discriminator in the generator's loss,
        if there is a local one too, which has a weight of 1.

    Raises ValueError if an attribute has no valid value.
    """

    kind: str
    width: int
    gradient_penalty_weight: float = 10.0
    global_discriminator_weight: float = 1.0

    def __post_init__(self):
        check_choice("GAN.kind", self.kind, GANS)
        check_positive_int("GAN.width", self.width)
        check_at_least("GAN.gradient_penalty_weight", self.gradient_penalty_weight)
        check_at_least("GAN.global_discriminator_weight", self.global_discriminator_weight)

    @property
    def needs_box(self) -> bool:
        """True if batches must have `box_rows` and `box_columns`."""
        return any(view.needs_box for view in self._spec.views)

    def make_discriminator(self, *, guided: bool = False, dtype: str | None = None) -> keras.Model:
        """Makes a new discriminator. Returns it without variables, see `build`.

        Args:
          guided: whether it sees sketches; has no effect for kinds that see images only.
          dtype: Keras dtype or policy.
        """
        options = {"guided": guided} if self._spec.conditional else {}
        return self._spec.network(width=self.width, **options, dtype=dtype)

    def build(self, discriminator: keras.Model, batch: Batch) -> None:
        """Creates the discriminator's variables. Does not update spectral norms."""
        if self._spec.conditional:
            build_layer(discriminator, batch["image"].shape)
        else:
            discriminator(*(view.crop(batch["image"], batch) for view in self._spec.views))

    def discriminator_loss(
        self, discriminator: keras.Model, completed: tf.Tensor, batch: Batch
    ) -> Losses:
        """Returns the discriminator's loss, and scalars to report by name.

        Scores real and `completed` images `[N, H, W, C]` in one call for each view. No
        gradient reaches the generator.
        """
        spec, images = self._spec, batch["image"]
        completed = tf.stop_gradient(completed)
        loss, reports = 0.0, {}
        masks = tf.broadcast_to(batch["mask"], tf.shape(images[..., :1]))
        batch = {**batch, "mask": masks}
        paired = {name: tf.concat([value, value], axis=0) for name, value in batch.items()}
        for view in spec.views:
            pair = tf.concat([images, completed], axis=0)
            scores = view.score(discriminator, view.crop(pair, paired), paired)
            real, fake = tf.split(scores, 2)
            loss += spec.loss.discriminator(real, fake)
            reports[self._tag(view, "real_score")] = tf.reduce_mean(real)
            reports[self._tag(view, "completed_score")] = tf.reduce_mean(fake)
            if spec.penalized:
                penalty = self._penalty(view, discriminator, completed, batch)
                loss += self.gradient_penalty_weight * penalty
                reports[self._tag(view, "gradient_penalty")] = penalty
        return loss, {"discriminator/loss": loss, **reports}

    def generator_loss(
        self, discriminator: keras.Model, completed: tf.Tensor, batch: Batch
    ) -> tf.Tensor:
        """Returns the generator's adversarial loss for `completed` images, a scalar."""
        loss = 0.0
        for view in self._spec.views:
            scores = view.score(discriminator, view.crop(completed, batch), batch)
            weight = getattr(self, view.weight_attribute) if view.weight_attribute else 1.0
            loss += weight * self._spec.loss.generator(scores)
        return loss

    def _penalty(
        self,
        view: DiscriminatorView,
        discriminator: keras.Model,
        completed: tf.Tensor,
        batch: Batch,
    ) -> tf.Tensor:
        real, filled, masks = (
            view.crop(x, batch) for x in (batch["image"], completed, batch["mask"])
        )
        alpha = batch["penalty_alpha"][:, view.alpha_column]
        return gradient_penalty(
            lambda images: view.score(discriminator, images, batch),
            interpolate(real, filled, alpha),
            masks,
        )

    def _tag(self, view: DiscriminatorView, quantity: str) -> str:
        """`discriminator/<quantity>`, or `discriminator/<view>/<quantity>` for several views."""
        several = len(self._spec.views) > 1
        return f"discriminator/{view.name}/{quantity}" if several else f"discriminator/{quantity}"

    @property
    def _spec(self) -> GANSpec:
        return GANS[self.kind]
