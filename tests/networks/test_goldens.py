"""The generator end to end against the original's outputs on photographs."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from tests.networks.goldens import CASES, LAYER, OUTPUT, inputs, net_of, outputs, recorded


@pytest.mark.parametrize("name", CASES)
def test_coarse_and_refined(name):
    r = recorded(name)
    for result, key in zip(outputs(name)[:2], ("x1", "x2"), strict=True):
        step = int(r[f"{key}_stride"])
        np.testing.assert_allclose(
            result[:, ::step, ::step], r[key], rtol=0, atol=OUTPUT[net_of(name)]
        )
        statistics = [result.mean(), result.std()]
        np.testing.assert_allclose(statistics, r[f"{key}_stats"], rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", CASES)
def test_offsets(name):
    r, (_, _, offsets, _) = recorded(name), outputs(name)
    assert offsets.shape == r["offsets"].shape
    clear = r["offset_margin"] > 1e-3
    assert clear.any()
    np.testing.assert_array_equal(offsets[clear], r["offsets"][clear])


@pytest.mark.parametrize("name", CASES)
def test_flow_images(name):
    """With the recorded offsets: where the margin is small ours may differ, rightly."""
    r = recorded(name)
    height, width = r["mask_s"].shape[1:3]
    resize = ops.resize_nearest if net_of(name) == "v1" else ops.resize_bilinear
    flow = resize(ops.offsets_to_color(r["offsets"]), height, width)
    step = int(r["flow_stride"])
    assert np.abs(flow[:, ::step, ::step] - r["flow"]).max() * 127.5 <= 1.001


@pytest.mark.parametrize("name", CASES)
def test_masks_for_the_attention(name):
    r, (_, masks, *_) = recorded(name), inputs(name)
    small = ops.resize_nearest(masks, *r["mask_s"].shape[1:3])
    np.testing.assert_array_equal(small, r["mask_s"])


@pytest.mark.parametrize("name", CASES)
def test_every_recorded_layer(name):
    r, (*_, activations) = recorded(name), outputs(name)
    layers = [key.removeprefix("act/") for key in r if key.startswith("act/")]
    assert len(layers) == (len(activations) if name.endswith("rect256") else 8)
    for layer in layers:
        a, b, c = r[f"act_stride/{layer}"]
        mean, deviation, _ = r[f"act_stats/{layer}"]
        full = activations[layer]
        difference = np.abs(full[:, ::a, ::b, ::c] - r[f"act/{layer}"]).max()
        tolerance = LAYER[net_of(name)]
        assert difference <= tolerance * deviation, f"{layer}: {difference / deviation:.3g}"
        assert abs(full.mean() - mean) <= 1e-3 * deviation, layer
        assert full.std() == pytest.approx(deviation, rel=1e-3), layer


@pytest.mark.parametrize("name", CASES)
def test_completed_images(name):
    r, (images, masks, *_), (_, refined, _, _) = recorded(name), inputs(name), outputs(name)
    completed = ops.composite(refined, images, masks)
    if "complete" in r:
        step = int(r.get("complete_stride", 1))
        np.testing.assert_allclose(
            completed[:, ::step, ::step], r["complete"], rtol=0, atol=OUTPUT[net_of(name)]
        )
    if "output_rgb" in r:
        step = int(r.get("output_rgb_stride", 1))
        levels = tf.saturate_cast((completed + 1) * 127.5, tf.uint8).numpy()[..., ::-1]
        levels = levels[:, ::step, ::step].astype(int)
        assert np.abs(levels - r["output_rgb"].astype(int)).max() <= 1
    assert "output_rgb" in r or name == "v1/big512"  # the one without either
