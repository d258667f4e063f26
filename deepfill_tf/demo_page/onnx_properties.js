// Properties of an ONNX file, `metadata_props`, which onnxruntime-web does not tell.

// Fields of the messages ModelProto and StringStringEntryProto, see onnx.proto.
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

// Kinds of fields in Protocol Buffers.
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Returns the properties of an ONNX file's bytes, {name: text}; none if it is no ONNX file. */
export function propertiesOf(bytes) {
  const properties = {};
  const text = (part = new Uint8Array()) => new TextDecoder().decode(part);
  for (const [field, entry] of fieldsOf(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const { [KEY]: key, [VALUE]: value } = Object.fromEntries(fieldsOf(entry));
    properties[text(key)] = text(value);
  }
  return properties;
}

/** Yields [number, bytes] of the fields of a message that have bytes. */
function* fieldsOf(bytes) {
  let at = 0;
  // Not with shifts: they have 32 bits.
  const varint = () => {
    let value = 0;
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag & 7;
    if (kind === VARINT) varint();
    else if (kind === FIXED64) at += 8;
    else if (kind === FIXED32) at += 4;
    else if (kind === BYTES) {
      const length = varint();
      yield [Math.floor(tag / 8), bytes.subarray(at, at + length)];
      at += length;
    } else return;
  }
}
