"""Which discriminators play against the generator, and for what loss."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.networks import GlobalDiscriminator, GlobalLocalDiscriminator, PatchDiscriminator
from deepfill_tf.networks.generators import inputs_of
from deepfill_tf.objectives.adversarial import (
    HINGE,
    LEAST_SQUARES,
    LOGISTIC,
    WASSERSTEIN,
    AdversarialLoss,
)
from deepfill_tf.objectives.gradient_penalty import gradient_penalty, interpolate
from deepfill_tf.ops import crop

Batch = Mapping[str, tf.Tensor]
Losses = tuple[tf.Tensor, dict[str, tf.Tensor]]


class DiscriminatorView(NamedTuple):
    """One discriminator.

    name: in reports.
    crop: (images, batch) -> the part of the images that it scores.
    score: (network, that part, batch) -> scores.
    """

    name: str
    crop: Callable[[tf.Tensor, Batch], tf.Tensor]
    score: Callable[[keras.Model, tf.Tensor, Batch], tf.Tensor]


def _image(images: tf.Tensor, batch: Batch) -> tf.Tensor:
    return images


def _box(images: tf.Tensor, batch: Batch) -> tf.Tensor:
    return crop(images, batch["box_rows"], batch["box_columns"])


def _conditioned(network: keras.Model, images: tf.Tensor, batch: Batch) -> tf.Tensor:
    return network(*inputs_of({**batch, "image": images}), training=True)


PATCHES = DiscriminatorView("patch", _image, _conditioned)
ONLY_GLOBAL = DiscriminatorView("global", _image, lambda network, images, batch: network(images))
GLOBAL = DiscriminatorView("global", _image, lambda network, images, batch: network.whole(images))
LOCAL = DiscriminatorView("local", _box, lambda network, boxes, batch: network.box(boxes))


class GANSpec(NamedTuple):
    """What a GAN is made of."""

    network: type[keras.Model]
    views: tuple[DiscriminatorView, ...]
    loss: AdversarialLoss
    penalized: bool = False


GANS = {
    "hinge": GANSpec(PatchDiscriminator, (PATCHES,), HINGE),
    "wgan_gp": GANSpec(GlobalLocalDiscriminator, (GLOBAL, LOCAL), WASSERSTEIN, penalized=True),
    "wgan_gp_global": GANSpec(GlobalDiscriminator, (ONLY_GLOBAL,), WASSERSTEIN, penalized=True),
    "dcgan": GANSpec(GlobalLocalDiscriminator, (GLOBAL, LOCAL), LOGISTIC),
    "lsgan": GANSpec(GlobalLocalDiscriminator, (GLOBAL, LOCAL), LEAST_SQUARES),
}


@dataclass(frozen=True, kw_only=True)
class GAN:
    """The adversarial part of an objective, for either paper's generator.

    A batch holds `image` and `mask`; `sketch` where the discriminator is guided;
    `box_rows` and `box_columns` (see `ops.crop`) where one looks at the box around the
    hole; `penalty_alpha` `[N, 2]` in [0, 1), for the local and the global discriminator, where
    slopes are penalised between images and their completions.

    Attributes:
      kind: "hinge": spectrally normalised patches, the second paper's. "wgan_gp":
        Wasserstein with gradient penalty, global and local, the first paper's.
        "wgan_gp_global": the global one alone. "dcgan", "lsgan": the first paper's two
        discriminators with cross entropy and least squares.
      width: channels of the discriminators' first layers.
      gradient_penalty_weight: of the gradient penalty.
      global_discriminator_weight: of the global discriminator in the generator's loss, beside a local one.
    """

    kind: str = "hinge"
    width: int = 64
    gradient_penalty_weight: float = 10.0
    global_discriminator_weight: float = 1.0

    def __post_init__(self):
        if self.kind not in list(GANS):
            raise ValueError(f"GAN.kind must be one of {sorted(GANS)}, got {self.kind!r}")
        if not isinstance(self.width, int) or self.width < 1:
            raise ValueError(f"GAN.width must be a positive integer, got {self.width!r}")
        for name in ("gradient_penalty_weight", "global_discriminator_weight"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value >= 0:
                raise ValueError(f"GAN.{name} must be a number of at least 0, got {value!r}")

    @property
    def needs_box(self) -> bool:
        """Whether batches must say where the box around the hole is."""
        return LOCAL in self._spec.views

    def discriminator(self, *, guided: bool = False, dtype: str | None = None) -> keras.Model:
        """The discriminator, not built. Only patches see sketches, and masks."""
        options = {"guided": guided} if self._spec.network is PatchDiscriminator else {}
        return self._spec.network(width=self.width, **options, dtype=dtype)

    def build(self, discriminator: keras.Model, batch: Batch) -> None:
        """Makes the discriminator's variables; spectral norms stay as they are."""
        if PATCHES in self._spec.views:
            discriminator(*inputs_of(batch), training=False)
        else:
            discriminator(*(view.crop(batch["image"], batch) for view in self._spec.views))

    def discriminator_loss(
        self, discriminator: keras.Model, completed: tf.Tensor, batch: Batch
    ) -> Losses:
        """Loss of the discriminator; real and completed images in one evaluation."""
        spec, images = self._spec, batch["image"]
        completed = tf.stop_gradient(completed)
        loss, reports = 0.0, {}
        masks = tf.broadcast_to(batch["mask"], tf.shape(images[..., :1]))
        batch = {**batch, "mask": masks}
        twice = {name: tf.concat([value, value], axis=0) for name, value in batch.items()}
        for view in spec.views:
            pair = tf.concat([images, completed], axis=0)
            scores = view.score(discriminator, view.crop(pair, twice), twice)
            real, fake = tf.split(scores, 2)
            loss += spec.loss.discriminator(real, fake)
            reports[self._report(view, "real_score")] = tf.reduce_mean(real)
            reports[self._report(view, "completed_score")] = tf.reduce_mean(fake)
            if spec.penalized:
                penalty = self._penalty(view, discriminator, completed, batch)
                loss += self.gradient_penalty_weight * penalty
                reports[self._report(view, "gradient_penalty")] = penalty
        return loss, {"discriminator/loss": loss, **reports}

    def generator_loss(
        self, discriminator: keras.Model, completed: tf.Tensor, batch: Batch
    ) -> tf.Tensor:
        """What the generator makes of the scores of its completed images, a scalar."""
        loss = 0.0
        for view in self._spec.views:
            scores = view.score(discriminator, view.crop(completed, batch), batch)
            weight = self.global_discriminator_weight if view is GLOBAL else 1.0
            loss += weight * self._spec.loss.generator(scores)
        return loss

    def _penalty(
        self,
        view: DiscriminatorView,
        discriminator: keras.Model,
        completed: tf.Tensor,
        batch: Batch,
    ) -> tf.Tensor:
        real, filled, mask = (
            view.crop(x, batch) for x in (batch["image"], completed, batch["mask"])
        )
        alpha = batch["penalty_alpha"][:, 0 if view is LOCAL else 1]
        return gradient_penalty(
            lambda images: view.score(discriminator, images, batch),
            interpolate(real, filled, alpha),
            mask,
        )

    def _report(self, view: DiscriminatorView, what: str) -> str:
        """`discriminator/real_score`, or with the view's name where there are several."""
        several = len(self._spec.views) > 1
        return f"discriminator/{view.name}/{what}" if several else f"discriminator/{what}"

    @property
    def _spec(self) -> GANSpec:
        return GANS[self.kind]
