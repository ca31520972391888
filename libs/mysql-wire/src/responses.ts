import type { MillraceError } from '@millrace/errors/millrace-error';
import type { PacketWriter } from './packet-writer.ts';

/** Error texts beyond this many characters are cut: clients keep some 500 bytes and log lines stay bounded. */
const errorTextMax = 4096;
/** The words by which clients recognise a syntax error, beside its number 1064. */
const syntaxErrorWords = 'You have an error in your SQL syntax';

export interface OkFields {
  readonly affectedRows: bigint;
  readonly lastInsertId: bigint;
  readonly statusFlags: number;
  readonly warnings: number;
  readonly info?: string;
}

export function writeOk(writer: PacketWriter, fields: OkFields): void {
  writer.startPacket();
  writer.u8(0x00);
  writer.lengthEncodedInteger(fields.affectedRows);
  writer.lengthEncodedInteger(BigInt.asUintN(64, fields.lastInsertId));
  writer.u16(fields.statusFlags);
  writer.u16(clampU16(fields.warnings));
  if (fields.info !== undefined && fields.info !== '') writer.lengthEncodedText(fields.info);
  writer.endPacket();
}

export function writeEof(writer: PacketWriter, statusFlags: number, warnings: number): void {
  writer.startPacket();
  writer.u8(0xfe);
  writer.u16(clampU16(warnings));
  writer.u16(statusFlags);
  writer.endPacket();
}

/** The text of an error as one line: what happened, where, and what to do. */
export function errorText(error: MillraceError): string {
  const unmarked = error.code === 'SQL_SYNTAX' && !error.message.startsWith(syntaxErrorWords);
  const prefix = unmarked ? `${syntaxErrorWords}; ` : '';
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  const text = `${prefix}${error.message}${detail}. Hint: ${error.remedy}`;
  return text.length > errorTextMax ? `${text.slice(0, errorTextMax)}…` : text;
}

/**
 * Writes an error packet. Before the greeting a client has no capabilities yet and takes the SQLSTATE for a part of
 * the text, so it is left out there.
 */
export function writeError(writer: PacketWriter, error: MillraceError, beforeGreeting = false): void {
  writer.startPacket();
  writer.u8(0xff);
  writer.u16(error.mysqlNumber);
  if (!beforeGreeting) writer.text(`#${error.sqlState}`);
  writer.text(errorText(error));
  writer.endPacket();
}

export interface PrepareOkFields {
  readonly statementId: number;
  readonly columnCount: number;
  readonly parameterCount: number;
}

/** The first packet of the answer to COM_STMT_PREPARE; definitions of parameters and columns follow. */
export function writePrepareOk(writer: PacketWriter, fields: PrepareOkFields): void {
  writer.startPacket();
  writer.u8(0x00);
  writer.u32(fields.statementId);
  writer.u16(fields.columnCount);
  writer.u16(fields.parameterCount);
  writer.u8(0);
  writer.u16(0);
  writer.endPacket();
}

function clampU16(value: number): number {
  return Math.min(value, 0xffff);
}
