"""Programs of XLA (HLO) as functions of JAX. No TensorFlow.

Converted by JAX's converter to StableHLO, and called as what `jax.export` exports. There is no
public constructor of that: this was tried with jax 0.11.2.
"""

import jax
import jax.extend.mlir
import numpy as np
from jax import export
from jax._src.interpreters import mlir
from jax._src.lib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

DTYPES = {"f32": "float32", "ui8": "uint8", "i32": "int32", "i64": "int64", "i1": "bool"}


def function_of(program: bytes) -> export.Exported:
    """The program as a function: `function.call(*arguments)` returns a tuple.

    Attributes `in_avals` and `out_avals` have shapes and types. Needs `jax_enable_x64`.
    """
    code, inputs, outputs = _stablehlo(program)
    backend = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    return export.Exported(
        fun_name="program",
        in_tree=jax.tree_util.tree_structure((tuple(inputs), {})),
        in_avals=tuple(inputs),
        out_tree=jax.tree_util.tree_structure(tuple(outputs)),
        out_avals=tuple(outputs),
        _in_named_shardings=(None,) * len(inputs),
        _out_named_shardings=(None,) * len(outputs),
        in_shardings_hlo=(None,) * len(inputs),
        out_shardings_hlo=(None,) * len(outputs),
        nr_devices=1,
        platforms=(backend,),
        ordered_effects=(),
        unordered_effects=(),
        disabled_safety_checks=(),
        mlir_module_serialized=code,
        calling_convention_version=export.maximum_supported_calling_convention_version,
        module_kept_var_idx=tuple(range(len(inputs))),
        uses_global_constants=False,
        _get_vjp=None,
    )


def _stablehlo(program: bytes) -> tuple[bytes, list, list]:
    """Portable StableHLO; shapes of arguments and results."""
    with mlir.make_ir_context():
        module = ir.Module.parse(jax.extend.mlir.hlo_to_stablehlo(program))
        for attribute in list(module.operation.attributes):
            name = attribute if isinstance(attribute, str) else attribute.name
            if name.startswith("mhlo."):
                del module.operation.attributes[name]
        _remove_copies(module)
        main = next(f for f in module.body.operations if _name_of(f) == "main")
        kinds = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value)
        for key in ("arg_attrs", "res_attrs"):
            if key in main.attributes:
                del main.attributes[key]
        version = stablehlo.get_version_from_compatibility_requirement(
            stablehlo.StablehloCompatibilityRequirement.WEEK_4
        )
        bytecode = mlir.module_to_bytecode(module)
        code = jax.extend.mlir.serialize_portable_artifact(bytecode, version)
        return code, [_shape(t) for t in kinds.inputs], [_shape(t) for t in kinds.results]


def _remove_copies(module: ir.Module) -> None:
    """TensorFlow leaves copies, which StableHLO has no word for: they are their operands."""
    copies: list = []

    def collect(operation):
        if operation.name == "mhlo.copy":
            copies.append(operation)
        return ir.WalkResult.ADVANCE

    module.operation.walk(collect)
    for copy in copies:
        copy.results[0].replace_all_uses_with(copy.operands[0])
        copy.erase()


def _name_of(operation) -> str:
    if "sym_name" not in operation.attributes:
        return ""
    return ir.StringAttr(operation.attributes["sym_name"]).value


def _shape(kind) -> jax.core.ShapedArray:
    kind = ir.RankedTensorType(kind)
    return jax.core.ShapedArray(tuple(kind.shape), np.dtype(DTYPES[str(kind.element_type)]))
