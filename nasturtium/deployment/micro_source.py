"""C for a microcontroller: the int8 file as an array, its scalings, and how TFLM runs it."""

import math

from nasturtium.deployment.scaling import Scaling
from nasturtium.models.lite import Interpreter

_BYTES_PER_LINE = 12
_ARENA_STEP = 256
# Names in TensorFlow Lite Micro's resolver that are not just TFLite's names in camel case.
_NAMES = {
    "BATCH_MATMUL": "BatchMatMul",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def header(
    content: bytes,
    standardise: Scaling,
    restore: Scaling,
    origin: str,
    vocabulary: int | None = None,
) -> str:
    """``model_int8.h``: the file, and functions that convert between raw numbers and int8.

    Parameters
    ----------
    standardise, restore
        The scalings before and after the int8 net.
    origin
        Its origin, for the first line.
    vocabulary
        For a net that takes tokens: the size of its vocabulary. Tokens are passed as int32.
    """
    net = Interpreter(content)
    out_scale, out_zero = net.output_quantisation
    if vocabulary is None:
        inputs = _quantising(standardise, *net.input_quantisation)
    else:
        inputs = f"""\
// A token is its place in `words` of model.json plus 2, 1 if it is unknown, or 0 for padding.
#define MODEL_INT8_VOCABULARY {vocabulary}
"""
    rows = [content[i : i + _BYTES_PER_LINE] for i in range(0, len(content), _BYTES_PER_LINE)]
    array = "\n".join("  " + " ".join(f"0x{byte:02x}," for byte in row) for row in rows)
    return f"""\
// {origin}
#ifndef MODEL_INT8_H
#define MODEL_INT8_H
#include <math.h>
#include <stdint.h>

#define MODEL_INT8_INPUTS {math.prod(net.input_shape)}
#define MODEL_INT8_OUTPUTS {math.prod(net.output_shape)}

{inputs}
// An output as a probability, or in the target's unit.
static inline float model_int8_restore(int8_t q) {{
  return (q - ({out_zero})) * {_float(out_scale)} * {_float(_single(restore.scale))} +
         {_float(_single(restore.offset))};
}}

#ifdef __cplusplus
alignas(16)
#else
_Alignas(16)
#endif
static const unsigned char model_int8[] = {{
{array}
}};
static const unsigned int model_int8_len = {len(content)};
#endif
"""


def _quantising(standardise: Scaling, scale: float, zero: int) -> str:
    """C code that converts a raw number to int8."""
    return f"""\
// The net takes raw * scale + offset. Shorter lists of scales and offsets repeat in order.
static const float model_int8_scale[] = {{{_floats(standardise.scale)}}};
static const float model_int8_offset[] = {{{_floats(standardise.offset)}}};
#define MODEL_INT8_LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

// Raw number i of a sample as an int8 input of the net.
static inline int8_t model_int8_quantise(float raw, int i) {{
  float x = raw * model_int8_scale[i % MODEL_INT8_LENGTH(model_int8_scale)] +
            model_int8_offset[i % MODEL_INT8_LENGTH(model_int8_offset)];
  float q = rintf(x / {_float(scale)}) + {zero};
  return (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
}}
"""


def example(content: bytes, arena_bytes: int | None, vocabulary: int | None = None) -> str:
    """``predict.cc``: TensorFlow Lite Micro with the operations and arena that the file needs.

    ``arena_bytes`` was measured with 64-bit pointers; None if it was not. For ``vocabulary`` see
    :func:`header`.
    """
    taken, given, is_wrong = "Raw numbers", "float* raw", "!isfinite(raw[i])"
    set_input = "int8[i] = model_int8_quantise(raw[i], i)"
    if vocabulary is not None:
        # A token outside the table would read other memory.
        is_wrong = "tokens[i] < 0 || tokens[i] >= MODEL_INT8_VOCABULARY"
        taken, given, set_input = "Tokens", "int32_t* tokens", "i32[i] = tokens[i]"
    names = [_method(name) for name in Interpreter(content, reference=True).operations]
    adds = " ".join(f"ops.Add{name}();" for name in names)
    size, measured = 65_536, "not measured: try what AllocateTensors() takes"
    if arena_bytes is not None:
        size = math.ceil(arena_bytes / _ARENA_STEP) * _ARENA_STEP
        measured = f"measured with pointers of 64 bits: {arena_bytes:,} bytes"
    return f"""\
#include "model_int8.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

alignas(16) static uint8_t arena[{size}];  // {measured}

static tflite::MicroInterpreter* start() {{
  static tflite::MicroMutableOpResolver<{len(names)}> ops;
  {adds}
  static tflite::MicroInterpreter net(tflite::GetModel(model_int8), ops, arena, sizeof(arena));
  return net.AllocateTensors() == kTfLiteOk ? &net : nullptr;
}}

// Input: {taken.lower()}. Output: probabilities, or the target in its unit. False: no output.
bool predict(const {given}, float* outputs) {{
  static tflite::MicroInterpreter* net = start();
  for (int i = 0; i < MODEL_INT8_INPUTS; i++) {{
    if (!net || {is_wrong}) return false;
    net->input(0)->data.{set_input};
  }}
  if (net->Invoke() != kTfLiteOk) return false;
  for (int i = 0; i < MODEL_INT8_OUTPUTS; i++)
    outputs[i] = model_int8_restore(net->output(0)->data.int8[i]);
  return true;
}}
"""


def _method(operation: str) -> str:
    if operation in _NAMES:
        return _NAMES[operation]
    return "".join(part.capitalize() for part in operation.split("_")).replace("2d", "2D")


def _floats(values: float | list[float]) -> str:
    return ", ".join(map(_float, values if isinstance(values, list) else [values]))


def _float(value: float) -> str:
    text = f"{value:.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def _single(value: float | list[float]) -> float:
    """The single value of an output's scaling, since targets are single numbers."""
    (only,) = value if isinstance(value, list) else [value]
    return only
