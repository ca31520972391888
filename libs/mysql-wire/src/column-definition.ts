import type { ResultColumn } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type { PacketWriter } from './packet-writer.ts';
import { collation, columnFlag, columnType } from './protocol-constants.ts';

/** `decimals` of FLOAT and DOUBLE columns: no fixed number. */
const decimalsNotFixed = 31;
const fixedFieldsBytes = 12;
const lengthMax = 0xffff_ffff;

/** A column type as the wire describes it. `length` is in bytes. */
interface WireType {
  readonly code: number;
  readonly length: number;
  readonly decimals: number;
  readonly flags: number;
  readonly collation: number;
}

/** Protocol::ColumnDefinition41 as one packet. `textCollation` is the one character columns are announced with. */
export function writeColumnDefinition(
  writer: PacketWriter,
  column: ResultColumn,
  textCollation: number,
): void {
  writer.startPacket();
  writeDefinition(writer, column, textCollation);
  writer.endPacket();
}

/** The same for COM_FIELD_LIST, whose definitions end with the default value: always given as NULL. */
export function writeFieldListDefinition(
  writer: PacketWriter,
  column: ResultColumn,
  textCollation: number,
): void {
  writer.startPacket();
  writeDefinition(writer, column, textCollation);
  writer.u8(0xfb);
  writer.endPacket();
}

/** The definition of one parameter marker: the type is unknown until a value is bound. */
export function writeParameterDefinition(writer: PacketWriter): void {
  const marker: ResultColumn = { name: '?', type: { kind: 'varbinary', length: 0 }, nullable: true };
  writeColumnDefinition(writer, marker, collation.binary);
}

function writeDefinition(writer: PacketWriter, column: ResultColumn, textCollation: number): void {
  const type = wireTypeOf(column.type, textCollation);
  writer.lengthEncodedText('def');
  writer.lengthEncodedText(column.origin?.database ?? '');
  writer.lengthEncodedText(column.origin?.table ?? '');
  writer.lengthEncodedText(column.origin?.table ?? '');
  writer.lengthEncodedText(column.name);
  writer.lengthEncodedText(column.origin?.column ?? '');
  writer.lengthEncodedInteger(fixedFieldsBytes);
  writer.u16(type.collation);
  writer.u32(Math.min(type.length, lengthMax));
  writer.u8(type.code);
  writer.u16(type.flags | (column.nullable ? 0 : columnFlag.notNull));
  writer.u8(type.decimals);
  writer.u16(0);
}

function wireTypeOf(type: SqlType, textCollation: number): WireType {
  switch (type.kind) {
    case 'bool':
      return binary(columnType.tiny, 1);
    case 'tinyint':
      return integer(columnType.tiny, type.unsigned, 4, 3);
    case 'smallint':
      return integer(columnType.short, type.unsigned, 6, 5);
    case 'mediumint':
      return integer(columnType.int24, type.unsigned, 9, 8);
    case 'int':
      return integer(columnType.long, type.unsigned, 11, 10);
    case 'bigint':
      return integer(columnType.longlong, type.unsigned, 20, 20);
    case 'float':
      return binary(columnType.float, 12, decimalsNotFixed);
    case 'double':
      return binary(columnType.double, 22, decimalsNotFixed);
    case 'decimal':
      // The digits, a sign, and a point where there are decimals.
      return binary(columnType.newdecimal, type.precision + 1 + (type.scale > 0 ? 1 : 0), type.scale);
    case 'char':
      return text(columnType.string, type.length, textCollation);
    case 'varchar':
      return text(columnType.varString, type.length, textCollation);
    case 'tinytext':
      return text(columnType.tinyBlob, 0xff, textCollation, columnFlag.blob);
    case 'mediumtext':
      return text(columnType.mediumBlob, 0xff_ff_ff, textCollation, columnFlag.blob);
    case 'longtext':
      return text(columnType.longBlob, lengthMax, textCollation, columnFlag.blob);
    case 'text':
      return text(columnType.blob, 0xffff, textCollation, columnFlag.blob);
    case 'binary':
      return binary(columnType.string, type.length);
    case 'varbinary':
      return binary(columnType.varString, type.length);
    case 'tinyblob':
      return binary(columnType.tinyBlob, 0xff, 0, columnFlag.blob);
    case 'mediumblob':
      return binary(columnType.mediumBlob, 0xff_ff_ff, 0, columnFlag.blob);
    case 'longblob':
      return binary(columnType.longBlob, lengthMax, 0, columnFlag.blob);
    case 'blob':
      return binary(columnType.blob, 0xffff, 0, columnFlag.blob);
    case 'date':
      return binary(columnType.date, 10);
    case 'time':
      return binary(columnType.time, fractional(10, type.fraction), type.fraction);
    case 'datetime':
      return binary(columnType.datetime, fractional(19, type.fraction), type.fraction);
    case 'timestamp':
      return binary(columnType.timestamp, fractional(19, type.fraction), type.fraction, columnFlag.timestamp);
    case 'json':
      return binary(columnType.json, lengthMax, 0, columnFlag.blob);
    case 'null':
      return binary(columnType.null, 0);
  }
}

/** Anything without a character set: numbers, times, bytes, JSON. */
function binary(code: number, length: number, decimals = 0, flags = 0): WireType {
  return { code, length, decimals, flags: flags | columnFlag.binary, collation: collation.binary };
}

function integer(code: number, unsigned: boolean, signedLength: number, unsignedLength: number): WireType {
  return unsigned ? binary(code, unsignedLength, 0, columnFlag.unsigned) : binary(code, signedLength);
}

function text(code: number, characters: number, textCollation: number, flags = 0): WireType {
  const length = characters * characterBytesMax(textCollation);
  return { code, length, decimals: 0, flags, collation: textCollation };
}

function fractional(length: number, fraction: 0 | 6): number {
  return fraction === 0 ? length : length + 1 + fraction;
}

/** Collations whose characters take up to four bytes: the utf8mb4 family of MySQL 5.7 and 8. */
function isUtf8Mb4(id: number): boolean {
  return id === 45 || id === 46 || (id >= 224 && id <= 247) || (id >= 255 && id <= 323);
}

function characterBytesMax(textCollation: number): number {
  return isUtf8Mb4(textCollation) ? 4 : 3;
}

/**
 * The collation that character columns are announced with: the client's own when it is a utf8mb4 one, else
 * utf8_general_ci. Texts are sent as UTF-8 in both cases.
 */
export function textCollationFor(clientCollation: number): number {
  return isUtf8Mb4(clientCollation) ? clientCollation : collation.utf8GeneralCi;
}
