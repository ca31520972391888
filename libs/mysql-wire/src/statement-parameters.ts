import { isUtf8 } from 'node:buffer';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { ScalarValue } from '@millrace/values/column-batch';
import { malformed, type PacketReader } from './packet-reader.ts';
import { columnType } from './protocol-constants.ts';
import { readBinaryDate, readBinaryDateTime, readBinaryTime } from './temporal.ts';

const unsignedBit = 0x8000;
/** The iteration count, which is always 1. */
const iterationCountBytes = 4;

/** What COM_STMT_EXECUTE binds, and the types to remember for the next one. */
export interface BoundParameters {
  readonly values: readonly ScalarValue[];
  /** Type code in the low byte, 0x8000 for unsigned, by parameter. */
  readonly types: readonly number[];
}

export interface ParameterContext {
  readonly parameterCount: number;
  /** The types of the execution before, which clients need not repeat. */
  readonly knownTypes: readonly number[] | undefined;
  /** Values that came by COM_STMT_SEND_LONG_DATA, by parameter. */
  readonly longData: ReadonlyMap<number, { readonly bytes: Buffer }>;
}

/**
 * Reads COM_STMT_EXECUTE from after the statement id. Cursor flags are ignored: results are always sent whole, as
 * the status without SERVER_STATUS_CURSOR_EXISTS tells the client.
 *
 * @throws MillraceError PACKET_MALFORMED; PARAMETER_COUNT when no types were ever bound
 */
export function parseExecute(reader: PacketReader, context: ParameterContext): BoundParameters {
  const count = context.parameterCount;
  reader.skip(1 + iterationCountBytes);
  if (count === 0) return { values: [], types: [] };
  if (reader.remaining === 0)
    throw new MillraceError('PARAMETER_COUNT', `0 of ${count} parameters are bound`);
  const nullBitmap = reader.bytes((count + 7) >> 3);
  const types = reader.u8() === 1 ? readTypes(reader, count) : context.knownTypes;
  if (types === undefined) throw malformed('an execution without parameter types');
  const values = types.map((type, index) => {
    const longValue = context.longData.get(index)?.bytes;
    if (longValue !== undefined) return isBytesType(type & 0xff) ? longValue : textOrBytes(longValue);
    const isNull = (((nullBitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
    return isNull ? null : readValue(reader, type);
  });
  return { values, types };
}

function readTypes(reader: PacketReader, count: number): number[] {
  const types: number[] = [];
  for (let index = 0; index < count; index += 1) types.push(reader.u16());
  return types;
}

function isBytesType(code: number): boolean {
  return code === columnType.bit || (code >= columnType.tinyBlob && code <= columnType.blob);
}

function readValue(reader: PacketReader, type: number): ScalarValue {
  const unsigned = (type & unsignedBit) !== 0;
  const code = type & 0xff;
  switch (code) {
    case columnType.null:
      return null;
    case columnType.tiny:
      return BigInt(unsigned ? reader.u8() : reader.i8());
    case columnType.short:
    case columnType.year:
      return BigInt(unsigned ? reader.u16() : reader.i16());
    case columnType.long:
    case columnType.int24:
      return BigInt(unsigned ? reader.u32() : reader.i32());
    case columnType.longlong:
      return unsigned ? reader.u64() : reader.i64();
    case columnType.float:
      return reader.float();
    case columnType.double:
      return reader.double();
    case columnType.date:
      return readBinaryDate(reader);
    case columnType.datetime:
    case columnType.timestamp:
      return readBinaryDateTime(reader);
    case columnType.time:
      return readBinaryTime(reader);
    case columnType.bit:
    case columnType.tinyBlob:
    case columnType.mediumBlob:
    case columnType.longBlob:
    case columnType.blob:
      return Uint8Array.from(reader.lengthEncodedBytes());
    case columnType.decimal:
    case columnType.newdecimal:
    case columnType.varchar:
    case columnType.varString:
    case columnType.string:
    case columnType.enum:
    case columnType.set:
    case columnType.json:
    case columnType.geometry:
      return textOrBytes(reader.lengthEncodedBytes());
    default:
      throw malformed(`a parameter of type ${code}`);
  }
}

/** Clients that do not tell text from bytes send both as strings. The copy frees the packet it came in. */
function textOrBytes(bytes: Buffer): string | Uint8Array {
  return isUtf8(bytes) ? bytes.toString() : Uint8Array.from(bytes);
}
