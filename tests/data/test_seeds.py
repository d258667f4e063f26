"""Random numbers of an example."""

import numpy as np
import tensorflow as tf

from deepfill_tf.data.seeds import Purpose, fold_in, integers, seeds_of, uniform

COUNT = 3000


@tf.function
def _random_numbers(purpose, columns):
    return uniform(seeds_of(1, purpose, tf.range(COUNT)), columns)


def test_seeds_are_seed_and_purpose_then_position():
    seeds = seeds_of(7, Purpose.MASK, tf.constant([0, 2**40], tf.int64))
    assert seeds.numpy().tolist() == [[7 + 3 * 2**32, 0], [7 + 3 * 2**32, 2**40]]


def test_uniform_numbers_are_uniform_and_independent():
    numbers = _random_numbers(Purpose.CROP, 2).numpy()
    assert (numbers >= 0).all() and (numbers < 1).all()
    # Standard errors: 0.29 / sqrt(3000) of means, 1 / sqrt(3000) of correlations.
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=5 * 0.0053)
    np.testing.assert_allclose(numbers.var(axis=0), 1 / 12, atol=5 * 0.0014)
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 5 * 0.018
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 5 * 0.018


def test_a_row_does_not_depend_on_the_others():
    seeds = seeds_of(1, Purpose.CROP, tf.range(3))
    rows = [uniform(seeds[i : i + 1], 4).numpy()[0] for i in range(3)]
    np.testing.assert_array_equal(uniform(seeds, 4), rows)


def test_purposes_are_independent():
    rows = [_random_numbers(purpose, 1)[:, 0].numpy() for purpose in Purpose]
    correlations = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(correlations).max() < 5 * 0.018


def test_integers_are_uniform():
    values = integers(_random_numbers(Purpose.FLIP, 1), 5).numpy()
    shares = np.bincount(values.ravel(), minlength=5) / COUNT
    np.testing.assert_allclose(shares, 0.2, atol=5 * 0.0073)


def test_folding_in_gives_other_seeds_whatever_the_order():
    seeds = seeds_of(1, Purpose.MASK, tf.range(3))
    chains = [(), *[(a,) for a in range(8)], *[(a, b) for a in range(8) for b in range(8)]]
    folded = []
    for chain in chains:
        result = seeds
        for number in chain:
            result = fold_in(result, number)
        folded.append(tuple(result.numpy().ravel()))
    assert len(set(folded)) == len(chains)
