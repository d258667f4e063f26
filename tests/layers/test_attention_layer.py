"""The interface that all attention layers share."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import (
    AppearanceFlow,
    ContextualAttention,
    NoAttention,
    SpatialTransformer,
)
from deepfill_tf.ops import Region

LAYERS = {
    "appearance_flow": AppearanceFlow(filters=4),
    "contextual": ContextualAttention(),
    "contextual, reference implementation": ContextualAttention(implementation="patches"),
    "none": NoAttention(),
    "spatial_transformer": SpatialTransformer(filters=4),
}
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def features_and_masks():
    features = np.random.default_rng(0).normal(size=[2, 8, 12, 4]).astype("f")
    masks = np.zeros([1, 8, 12, 1], "f")
    masks[:, 2:4, 4:8] = 1
    return tf.constant(features), tf.constant(masks)


@every_layer
def test_without_a_background_the_foreground_is_its_own(layer):
    features, masks = features_and_masks()
    for one, two in zip(
        layer(features, None, masks), layer(features, features, masks), strict=True
    ):
        np.testing.assert_array_equal(one, two)


@every_layer
def test_attention_on_a_region_equals_that_part_of_the_features(layer):
    features, masks = features_and_masks()
    region = Region(tf.constant([1, 3]), tf.constant([6, 11]))
    whole, _ = layer(features, features, masks)  # first: it builds the layer
    part = layer.attend_region(features, masks, region)
    np.testing.assert_allclose(part, whole[:, 1:6, 3:11], rtol=0, atol=1e-5)


def test_which_attention_layers_support_regions():
    assert [name for name, layer in LAYERS.items() if layer.supports_regions] == [
        "contextual",
        "none",
    ]
    assert not ContextualAttention(stride=2).supports_regions
