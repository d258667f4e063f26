"""Small ONNX files with the inputs and the output of exported generators."""

from pathlib import Path

import onnx.parser

# The hole gets the mean of the known pixels; a sketch's edges are white.
_MEAN_FILL = """
<ir_version: 8, opset_import: ["": 17]>
mean_fill ({inputs}) => (uint8[N, H, W, {channels}] completed) {{
  rows_and_columns = Constant <value: tensor = int64[2] {{1, 2}}> ()
  threshold = Constant <value: tensor = float {{127}}> ()
  nothing = Constant <value: tensor = float {{0}}> ()
  mask_values = Cast <to: int = 1> (mask)
  hole = Greater (mask_values, threshold)
  known = Not (hole)
  weights = Cast <to: int = 1> (known)
  pixels = Cast <to: int = 1> (image)
  known_pixels = Where (hole, nothing, pixels)
  sums = ReduceSum (known_pixels, rows_and_columns)
  counts = ReduceSum (weights, rows_and_columns)
  mean = Div (sums, counts)
  {drawing}
  filled = Where (hole, drawn, pixels)
  completed = Cast <to: int = 2> (filled)
}}
"""
_EDGES = """
  edge_threshold = Constant <value: tensor = float {153}> ()
  white = Constant <value: tensor = float {255}> ()
  strength = Cast <to: int = 1> (sketch)
  edges = Greater (strength, edge_threshold)
  drawn = Where (edges, white, mean)
"""


def write_mean_fill(path, *, channels: int = 3, guided: bool = False) -> Path:
    """Writes a graph that fills holes with the mean of the known pixels."""
    kinds = {"image": channels, "mask": 1} | ({"sketch": 1} if guided else {})
    inputs = ", ".join(f"uint8[N, H, W, {count}] {name}" for name, count in kinds.items())
    drawing = _EDGES if guided else "drawn = Identity (mean)"
    return write_graph(path, _MEAN_FILL.format(inputs=inputs, channels=channels, drawing=drawing))


def write_graph(path, text: str) -> Path:
    """Writes a graph in ONNX's notation as a file."""
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return Path(path)
