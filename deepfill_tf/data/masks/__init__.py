"""Generators of random masks, made of TensorFlow operations that compile under XLA.

A generator is called as `masks(seeds, height, width)` with seeds int64 `[N, 2]`, as from
`data.seeds.seeds_of`, and sizes in pixels. It returns float32 `[N, height, width, 1]`, exactly
1 in the hole and 0 elsewhere; each example depends on its own seed only. Generators whose holes
lie in a box of constant size also have `boxes(seeds, height, width)`. The calls are traced without
AutoGraph: a condition on tensors is a `tf.cond`, not an `if`. `data.paired_masks` has holes of
files.
"""

from deepfill_tf.data.masks.brush_strokes import BrushStrokeMasks
from deepfill_tf.data.masks.mixture import MixtureMasks
from deepfill_tf.data.masks.rectangles import RectangleMasks
from deepfill_tf.data.masks.union import UnionMasks

__all__ = ["BrushStrokeMasks", "MixtureMasks", "RectangleMasks", "UnionMasks"]
