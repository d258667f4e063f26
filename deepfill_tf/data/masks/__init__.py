"""Random holes, from TensorFlow operations alone.

Every generator is called as `masks(seeds, height, width)` with seeds int64 `[N, 2]` and
gives float32 `[N, height, width, 1]`, exactly 0 or 1, where 1 is the hole; each example
depends on its own seed only. All of them compile under XLA. Those whose holes lie in a
box of one size have `boxes(seeds, height, width)` too.
"""

from deepfill_tf.data.masks.brush_strokes import BrushStrokeMasks
from deepfill_tf.data.masks.rectangles import RectangleMasks
from deepfill_tf.data.masks.union import UnionMasks

__all__ = ["BrushStrokeMasks", "RectangleMasks", "UnionMasks"]
