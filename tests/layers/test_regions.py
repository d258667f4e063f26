"""Regions of a convolution layer's output, computed from their receptive field."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import tensorflow as tf

from deepfill_tf.layers import GatedConv2D, GatedUpConv2D, PlainConv2D, PlainUpConv2D
from deepfill_tf.ops import Region

HEIGHT, WIDTH = 24, 30

spans = st.tuples(st.integers(0, 60), st.integers(1, 60))


@hypothesis.given(
    kind=st.sampled_from([PlainConv2D, GatedConv2D, PlainUpConv2D, GatedUpConv2D]),
    kernel_size=st.sampled_from([1, 3, 5]),
    step=st.sampled_from(["", "strides", "dilation_rate"]),
    padding=st.sampled_from(["same", "symmetric", "reflect"]),
    rows=spans,
    columns=spans,
)
@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
def test_call_on_region_equals_that_part_of_the_whole_output(
    kind, kernel_size, step, padding, rows, columns
):
    upsamples = kind in (PlainUpConv2D, GatedUpConv2D)
    steps = {step: 2} if step and not (upsamples and step == "strides") else {}
    layer = kind(2, kernel_size, padding=padding, **steps)
    inputs = np.random.default_rng(0).normal(size=[1, HEIGHT, WIDTH, 3]).astype("f")
    outputs = layer(tf.constant(inputs)).numpy()
    sides = zip(outputs.shape[1:3], (rows, columns), strict=True)
    spans = [(begin % side, min(side, begin % side + length)) for side, (begin, length) in sides]
    region = Region(*(tf.constant(corner) for corner in zip(*spans, strict=True)))
    assert layer.input_size(outputs.shape[1:3]) == (HEIGHT, WIDTH)
    given = layer.input_region(region).intersection(Region.whole((HEIGHT, WIDTH)))
    part = layer.call_on_region(given.crop(tf.constant(inputs)), given, region)
    np.testing.assert_allclose(part, region.crop(outputs), rtol=0, atol=1e-5)
