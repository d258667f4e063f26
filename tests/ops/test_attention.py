import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from deepfill_tf.ops.attention import _fuse
from tests.closeness import assert_close
from tests.reference_cases import case, cases, description

ARGUMENTS = {"ksize": "patch_size", "fuse_k": "fuse_size"}
SAME_NAME = ("stride", "rate", "softmax_scale")


@pytest.fixture(params=[ops.contextual_attention, ops.fast_contextual_attention])
def attention(request):
    """The reference implementation and the fast one, which must agree."""
    return request.param


def released(key):
    """Arrays of a case, and this package's arguments for it."""
    r, words = case("attention.npz", key), description("attention.npz", key)
    arguments = {ARGUMENTS.get(k, k): v for k, v in words.items() if k in (*ARGUMENTS, *SAME_NAME)}
    if not words.get("fuse", True):
        arguments["fuse_size"] = 1
    foreground = tf.constant(r["f"])
    background = tf.constant(r["b"]) if "b" in r else foreground
    masks = tf.constant(r["mask"], tf.float32) if "mask" in r else None
    return r, (foreground, background, masks), arguments


def features(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype("f"))


def hole(h, w, rows, columns):
    masks = np.zeros([1, h, w, 1], "f")
    masks[:, slice(*rows), slice(*columns)] = 1
    return tf.constant(masks)


@pytest.mark.parametrize("key", cases("attention.npz"))
def test_attention_as_released(attention, key):
    r, inputs, arguments = released(key)
    reconstructed, offsets = attention(*inputs, **arguments)
    np.testing.assert_allclose(reconstructed, r["y"], rtol=0, atol=1e-5)
    clear = r["offset_margin"] > 1e-3
    np.testing.assert_array_equal(offsets.numpy()[clear], r["offsets"][clear])
    assert offsets.dtype == tf.int32


@pytest.mark.parametrize("key", [k for k in cases("attention.npz") if "64x64" not in str(k)])
def test_gradients_of_attention_as_released(attention, key):
    r, (foreground, background, masks), arguments = released(key)
    with tf.GradientTape() as tape:
        tape.watch([foreground, background])
        reconstructed, _ = attention(foreground, background, masks, **arguments)
        total = tf.reduce_sum(reconstructed * r["dy"])
    if background is foreground:
        gradients = {"df": tape.gradient(total, foreground)}
    else:
        both = tape.gradient(total, [foreground, background])
        gradients = {"df": both[0], "db": both[1]}
    for name, gradient in gradients.items():
        assert_close(gradient, r[name], tolerance=5e-4, what=name)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("fuse_size", [1, 3])
def test_each_example_of_a_batch_has_its_own_mask(attention, batch, fuse_size):
    """A batch equals its examples one by one."""
    foreground = features(batch, 8, 12, 4)
    masks = tf.concat([hole(8, 12, (0, 2 + i), (i, 5)) for i in range(batch)], axis=0)
    together = attention(foreground, foreground, masks, fuse_size=fuse_size)
    for i in range(batch):
        one = slice(i, i + 1)
        alone = attention(foreground[one], foreground[one], masks[one], fuse_size=fuse_size)
        np.testing.assert_allclose(together[0][one], alone[0], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(together[1][one], alone[1])


def test_one_mask_for_the_batch_equals_the_mask_repeated(attention):
    foreground, masks = features(3, 8, 12, 4), hole(8, 12, (2, 6), (3, 9))
    once = attention(foreground, foreground, masks)
    repeated = attention(foreground, foreground, tf.repeat(masks, 3, axis=0))
    np.testing.assert_array_equal(once[0], repeated[0])
    np.testing.assert_array_equal(once[1], repeated[1])


def test_a_mask_without_a_hole_equals_no_mask(attention):
    foreground = features(2, 8, 12, 4)
    masked = attention(foreground, foreground, tf.zeros([1, 8, 12, 1]))
    plain = attention(foreground, foreground)
    np.testing.assert_array_equal(masked[0], plain[0])


def test_attention_reads_nothing_from_the_hole(attention):
    """The values of background patches that touch the hole do not matter."""
    foreground, background = features(1, 16, 16, 4), features(1, 16, 16, 4, seed=1)
    masks = hole(16, 16, (0, 8), (0, 16))
    # Row 4 of the downsampled map is known, but its patches reach into the hole: the first
    # valid patch is that of row 5, whose pixels to paste begin with row 9.
    changed = tf.concat([-3 * background[:, :8], background[:, 8:]], axis=1)
    before = attention(foreground, background, masks, fuse_size=1)
    after = attention(foreground, changed, masks, fuse_size=1)
    np.testing.assert_allclose(before[0], after[0], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(before[1], after[1])


def test_a_mask_that_is_all_hole_gives_zeros_with_finite_gradients(attention):
    foreground = features(1, 8, 8, 4)
    with tf.GradientTape() as tape:
        tape.watch(foreground)
        reconstructed, _ = attention(foreground, foreground, tf.ones([1, 8, 8, 1]))
        total = tf.reduce_sum(reconstructed)
    np.testing.assert_array_equal(reconstructed, np.zeros([1, 8, 8, 4]))
    assert np.isfinite(tape.gradient(total, foreground)).all()


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-6])
def test_patches_of_norm_zero_have_finite_gradients(attention, scale):
    foreground = features(2, 8, 8, 4) * tf.constant([1.0, scale])[:, None, None, None]
    with tf.GradientTape() as tape:
        tape.watch(foreground)
        reconstructed, _ = attention(foreground, foreground, hole(8, 8, (0, 4), (0, 4)))
        total = tf.reduce_sum(reconstructed**2)
    assert np.isfinite(reconstructed).all()
    assert np.isfinite(tape.gradient(total, foreground)).all()


@pytest.mark.parametrize("rate", [1, 2, 4])
@pytest.mark.parametrize("patch_size", [1, 3, 5])
def test_a_sharp_self_attention_returns_the_features(attention, rate, patch_size):
    """A patch matches itself best (Cauchy-Schwarz); inside, 2 x 2 copies are averaged."""
    foreground = features(1, 8 * rate, 6 * rate, 32)
    arguments = {"rate": rate, "patch_size": patch_size, "fuse_size": 1}
    reconstructed, offsets = attention(foreground, foreground, softmax_scale=1000.0, **arguments)
    np.testing.assert_array_equal(offsets, tf.zeros_like(offsets))
    margin = max(rate // 2, 1)
    inside = (slice(None), slice(margin, -margin), slice(margin, -margin))
    np.testing.assert_allclose(reconstructed[inside], foreground[inside], rtol=0, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("patch_size", [1, 3, 5])
@pytest.mark.parametrize("shape", [(16, 24), (18, 14)])
def test_offsets_lead_to_centres_of_background_patches(attention, stride, patch_size, shape):
    foreground = features(2, *shape, 4)
    _, offsets = attention(foreground, foreground, stride=stride, patch_size=patch_size)
    height, width = (n // 2 for n in shape)
    assert offsets.shape == [2, height, width, 2]
    for axis, size in enumerate((height, width)):
        # The middle of each patch of TensorFlow's own patches, padding marked by -1.
        ramp = tf.range(1.0, size + 1)[None, :, None, None]
        patches = tf.image.extract_patches(
            ramp, [1, patch_size, 1, 1], [1, stride, 1, 1], [1, 1, 1, 1], "SAME"
        )
        centres = patches[0, :, 0, (patch_size - 1) // 2] - 1
        own = np.arange(size).reshape((-1, 1) if axis == 0 else (1, -1))
        assert set(np.unique(offsets[..., axis] + own)) <= set(centres.numpy())


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("rate", [1, 2])
def test_positions_at_a_centre_find_themselves_at_any_stride(attention, stride, rate):
    foreground = features(1, 9 * rate, 9 * rate, 32)
    _, offsets = attention(
        foreground, foreground, stride=stride, rate=rate, patch_size=3, fuse_size=1
    )
    # Nine positions: patches of 3 start so that centres are 0, 2, ..., 8 or 1, 4, 7.
    start = 1 if stride == 3 else 0
    found = offsets[:, start::stride, start::stride]
    np.testing.assert_array_equal(found, tf.zeros_like(found))


@pytest.mark.parametrize("rate", [2, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [8, 9])
def test_pasted_patches_come_from_where_the_offsets_lead(attention, rate, stride, size):
    """A ramp pasted from one patch has the mean of the pixels that the offset leads to."""
    length = size * rate
    ramp = np.broadcast_to(np.arange(length, dtype="f")[:, None, None], [length, length, 1])
    # All positions match the one patch that is bright; the ramp is too small to matter.
    chosen = {1: 4, 2: 4 if size == 9 else 5, 3: 4}[stride]
    bright = np.full([length, length, 1], -1, "f")
    around = slice((chosen - 1) * rate, (chosen + 2) * rate)
    bright[around, around] = 1
    background = tf.constant(np.concatenate([bright, ramp * 1e-4], axis=-1)[None])
    foreground = tf.constant([1.0, 0.0]) * tf.ones([1, length, length, 2])
    reconstructed, offsets = attention(
        foreground, background, rate=rate, stride=stride, fuse_size=1, softmax_scale=1000.0
    )
    centre = slice(3, 5)  # far from the border, where 2 x 2 patches cover every pixel
    leads_to = offsets[0, centre, centre, 0] + np.arange(3, 5)[:, None]
    np.testing.assert_array_equal(leads_to, np.full([2, 2], chosen))
    pixels = slice(3 * rate, 5 * rate)
    mean = np.mean(reconstructed[0, pixels, pixels, 1]) / 1e-4
    assert mean == pytest.approx(chosen * rate + (rate - 1) / 2, abs=1e-2)


@pytest.mark.parametrize(
    ("foreground_shape", "background_shape"), [((16, 24), (8, 12)), ((8, 8), (8, 12))]
)
def test_foreground_and_background_of_different_sizes(
    attention, foreground_shape, background_shape
):
    """The background is cut out of the foreground: there the offset is where it was cut."""
    foreground = features(2, *foreground_shape, 32)
    if foreground_shape == (16, 24):
        background, top, left = foreground[:, 4:12, 6:18], 4, 6
        rows, columns = slice(5, 11), slice(7, 17)
    else:
        background = tf.concat([features(2, 8, 4, 32, seed=1), foreground], axis=2)
        top, left = 0, -4
        rows, columns = slice(1, 7), slice(1, 7)
    reconstructed, offsets = attention(
        foreground, background, rate=1, fuse_size=1, softmax_scale=1000.0
    )
    assert reconstructed.shape == foreground.shape
    here = offsets[:, rows, columns]
    np.testing.assert_array_equal(here, tf.zeros_like(here) - [top, left])


def test_different_sizes_with_masks_fusion_and_rate_have_gradients(attention):
    foreground, background = features(2, 16, 24, 3), features(2, 8, 12, 3, seed=1)
    with tf.GradientTape() as tape:
        tape.watch([foreground, background])
        reconstructed, offsets = attention(foreground, background, hole(8, 12, (0, 4), (0, 4)))
        total = tf.reduce_sum(reconstructed**2)
    assert offsets.shape == [2, 8, 12, 2]
    for gradient in tape.gradient(total, [foreground, background]):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("key", ["stride2_fuse", "stride2_nofuse", "stride2_r1_nofuse"])
def test_attention_with_strides_that_the_original_refuses(attention, key):
    words = description("attention.npz", key)
    assert "error" in words
    foreground, background = features(*words["f"]), features(*words["b"], seed=1)
    reconstructed, _ = attention(
        foreground,
        background,
        hole(*words["mask"][1:3], (2, 6), (2, 6)),
        stride=words["stride"],
        rate=words["rate"],
        fuse_size=3 if words.get("fuse", True) else 1,
    )
    assert reconstructed.shape == foreground.shape
    assert np.isfinite(reconstructed).all()


@pytest.mark.parametrize(("shape", "rate"), [((9, 13), 2), ((8, 13), 2), ((8, 12), 3)])
def test_sizes_that_are_not_multiples_of_the_rate_are_refused(attention, shape, rate):
    good, bad = tf.zeros([1, 12, 12, 4]), tf.zeros([1, *shape, 4])
    with pytest.raises(ValueError, match=rf"multiples of rate={rate}.*{shape[0]}, {shape[1]}"):
        attention(bad, bad, rate=rate)
    with pytest.raises(ValueError, match="background"):
        attention(good, bad, rate=rate)


@pytest.mark.parametrize("fuse_size", [3, 5])
def test_fusion_equals_loops_over_pairs_of_positions(fuse_size):
    height, width, rows, columns = 3, 4, 2, 5
    reach = fuse_size // 2
    scores = np.random.default_rng(0).normal(size=[height * width, rows * columns]).astype("f")

    def along_diagonals(table):
        fused = np.zeros_like(table)
        for p, b in np.ndindex(*table.shape):
            for d in range(-reach, reach + 1):
                if 0 <= p + d < table.shape[0] and 0 <= b + d < table.shape[1]:
                    fused[p, b] += table[p + d, b + d]
        return fused

    by_columns_p = np.arange(height * width).reshape(height, width).T.ravel()
    by_columns_l = np.arange(rows * columns).reshape(rows, columns).T.ravel()
    expected = along_diagonals(scores)
    columnwise = along_diagonals(expected[np.ix_(by_columns_p, by_columns_l)])
    expected[np.ix_(by_columns_p, by_columns_l)] = columnwise
    grid = tf.constant(scores.reshape(1, height, width, rows * columns))
    actual = _fuse(grid, rows, columns, ops.AttentionOptions(fuse_size=fuse_size))
    np.testing.assert_allclose(
        actual, expected.reshape(1, height, width, rows * columns), rtol=0, atol=1e-5
    )


def test_attention_and_its_gradients_agree_under_xla(attention):
    foreground, masks = features(2, 8, 12, 4), hole(8, 12, (2, 6), (3, 9))

    def values(foreground):
        with tf.GradientTape() as tape:
            tape.watch(foreground)
            reconstructed, offsets = attention(foreground, foreground, masks)
            total = tf.reduce_sum(reconstructed**2)
        return reconstructed, offsets, tape.gradient(total, foreground)

    eager, compiled = values(foreground), tf.function(values, jit_compile=True)(foreground)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(compiled[1], eager[1])
    assert_close(compiled[2], eager[2], tolerance=5e-4)
