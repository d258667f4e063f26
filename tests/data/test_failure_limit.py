from hypothesis import given
from hypothesis import strategies as st

from deepfill_tf.data.failure_limit import max_failures


@given(st.integers(1, 10**7))
def test_few_or_one_per_cent_may_fail_and_never_all(count):
    allowed = max_failures(count)
    assert allowed < count
    assert allowed == min(count - 1, 3) or abs(allowed - count / 100) < 1
