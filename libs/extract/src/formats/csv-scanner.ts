import { MillraceError } from '@millrace/errors/millrace-error';
import type { RowErrors } from '../rows/row-errors.ts';
import { fieldKind, type RowFields, type RowSink } from '../rows/row-fields.ts';
import type { CsvDialect } from './csv-dialect.ts';
import type { RecordScanner } from './record-scanner.ts';
import { checkUtf8 } from './utf8.ts';

const incomplete = -1;
const upperN = 78;

/** `\0 \b \n \r \t \Z`; any other escaped byte stands for itself. */
const escapes: Readonly<Record<number, number>> = { 48: 0, 98: 8, 110: 10, 114: 13, 116: 9, 90: 26 };

export interface CsvScannerOptions {
  readonly dialect: CsvDialect;
  /** Per field: not read, text that must be UTF-8, or any bytes. */
  readonly fields: readonly ('discard' | 'text' | 'bytes')[];
}

/**
 * Reads lines of delimited fields in place, by the rules of LOAD DATA: fields end at the field terminator, lines at the
 * line terminator, unless enclosed or escaped; a doubled enclosing byte stands for one; an enclosing byte that neither
 * terminator follows is data; `\N` is NULL. A last line without terminator is complete.
 */
export class CsvScanner implements RecordScanner {
  readonly #dialect: CsvDialect;
  readonly #modes: readonly ('discard' | 'text' | 'bytes')[];
  readonly #fields: RowFields;
  readonly #sink: RowSink;
  readonly #errors: RowErrors;
  /** 1 for bytes that may end or escape an unenclosed field. */
  readonly #special = new Uint8Array(256);
  readonly #enclosure: number;
  readonly #escape: number;
  /** Lines left out so far, per range. */
  readonly #ignored: number[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;
  #complete = true;
  /** Where the last field read ends, and whether escapes or doubled enclosures are inside. */
  #fieldEnd = 0;
  #decode = false;
  #wide = false;

  constructor(options: CsvScannerOptions, fields: RowFields, sink: RowSink, errors: RowErrors) {
    this.#dialect = options.dialect;
    this.#modes = options.fields;
    this.#fields = fields;
    this.#sink = sink;
    this.#errors = errors;
    this.#enclosure = options.dialect.fieldsEnclosedBy[0] ?? -1;
    this.#escape = options.dialect.fieldsEscapedBy[0] ?? -1;
    for (const byte of [
      options.dialect.fieldsTerminatedBy[0],
      options.dialect.linesTerminatedBy[0],
      options.dialect.fieldsEscapedBy[0],
    ]) {
      if (byte !== undefined) this.#special[byte] = 1;
    }
  }

  scan(bytes: Buffer, start: number, end: number, complete: boolean): number {
    this.#bytes = bytes;
    this.#end = end;
    this.#complete = complete;
    this.#fields.setInput(bytes);
    let at = start;
    while (at < end) {
      const lineStart = at;
      at = this.#skipToContent(at);
      if (at === incomplete) return lineStart;
      if (at >= end) return end;
      const next = this.#line(at);
      if (next === incomplete) return lineStart;
      at = next;
      this.#fields.line += 1;
    }
    return at;
  }

  /** Passes lines to be ignored and the text up to LINES STARTING BY. */
  #skipToContent(lineStart: number): number {
    const { ignoreLines, linesTerminatedBy, linesStartingBy } = this.#dialect;
    const range = this.#fields.range;
    let at = lineStart;
    while (at < this.#end) {
      const ignored = this.#ignored[range] ?? 0;
      const ignore = ignored < ignoreLines;
      if (!ignore && linesStartingBy.length === 0) return at;
      const terminator = linesTerminatedBy.length === 0 ? -1 : this.#indexOf(linesTerminatedBy, at);
      if (terminator < 0 && !this.#complete) return incomplete;
      const lineEnd = terminator < 0 ? this.#end : terminator;
      if (!ignore) {
        const prefix = this.#indexOf(linesStartingBy, at);
        if (prefix >= 0 && prefix + linesStartingBy.length <= lineEnd) return prefix + linesStartingBy.length;
      }
      if (ignore) this.#ignored[range] = ignored + 1;
      this.#fields.line += 1;
      at = terminator < 0 ? this.#end : terminator + linesTerminatedBy.length;
    }
    return this.#end;
  }

  #indexOf(needle: Uint8Array, at: number): number {
    const found = this.#bytes.indexOf(needle, at);
    return found < 0 || found + needle.length > this.#end ? -1 : found;
  }

  /** Reads the line at `start`, gives the row to the sink, and returns where the next line begins. */
  #line(start: number): number {
    const fields = this.#fields;
    const modes = this.#modes;
    fields.clear();
    let at = start;
    let count = 0;
    let failure: unknown;
    for (;;) {
      const mode = count < modes.length ? modes[count] : 'discard';
      const enclosed = at < this.#end && this.#bytes[at] === this.#enclosure;
      const contentEnd = enclosed ? this.#scanEnclosed(at + 1) : this.#scanPlain(at);
      if (contentEnd === incomplete) {
        if (!this.#complete) return incomplete;
        const error = new MillraceError('ROW_PARSE', 'an enclosed field does not end');
        this.#errors.rejectRow(error, fields, this.#bytes, start, this.#end);
        return this.#end;
      }
      if (mode !== 'discard' && failure === undefined) {
        try {
          this.#setField(count, enclosed, enclosed ? at + 1 : at, contentEnd, mode === 'text');
        } catch (error) {
          failure = error;
        }
      }
      count += 1;
      at = this.#fieldEnd;
      if (at >= this.#end) {
        if (!this.#complete) return incomplete;
        break;
      }
      if (this.#matches(this.#dialect.linesTerminatedBy, at)) {
        at += this.#dialect.linesTerminatedBy.length;
        break;
      }
      at += this.#dialect.fieldsTerminatedBy.length;
    }
    this.#finishRow(start, at, count, failure);
    return at;
  }

  #finishRow(start: number, end: number, count: number, failure: unknown): void {
    const fields = this.#fields;
    try {
      if (failure !== undefined) throw failure;
      if (count !== this.#modes.length) this.#checkCount(count);
      this.#sink.addRow(fields);
    } catch (error) {
      this.#errors.rejectRow(error, fields, this.#bytes, start, end);
    }
  }

  #checkCount(count: number): void {
    const expected = this.#modes.length;
    const line = this.#fields.line;
    if (count > expected) {
      const message = `Row ${line} was truncated; it contained more data than there were input columns`;
      throw new MillraceError('FIELD_EXCESS', message, { detail: `${count} fields, ${expected} columns` });
    }
    if (!this.#dialect.trailingNullcols) {
      const message = `Row ${line} doesn't contain data for all columns`;
      throw new MillraceError('FIELD_MISSING', message, { detail: `${count} fields, ${expected} columns` });
    }
    for (let field = count; field < expected; field += 1) this.#fields.kinds[field] = fieldKind.null;
  }

  /** Finds the end of an unenclosed field, which begins at `start`. */
  #scanPlain(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const special = this.#special;
    const { fieldsTerminatedBy, linesTerminatedBy } = this.#dialect;
    let seen = 0;
    let decode = false;
    let at = start;
    for (; at < end; at += 1) {
      const byte = bytes[at] as number;
      seen |= byte;
      if (special[byte] === 0) continue;
      if (byte === this.#escape) {
        decode = true;
        if (at + 1 < end) seen |= bytes[(at += 1)] as number;
      } else if (this.#matches(linesTerminatedBy, at) || this.#matches(fieldsTerminatedBy, at)) {
        break;
      }
    }
    this.#decode = decode;
    this.#wide = seen > 127;
    this.#fieldEnd = at;
    return at;
  }

  /** Finds the closing byte of an enclosed field, whose content begins at `start`. */
  #scanEnclosed(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const enclosure = this.#enclosure;
    const escapeByte = this.#escape === enclosure ? -1 : this.#escape;
    let seen = 0;
    let decode = false;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      seen |= byte;
      if (byte === escapeByte) {
        decode = true;
        if (at + 1 < end) seen |= bytes[(at += 1)] as number;
      } else if (byte === enclosure) {
        if (at + 1 === end && !this.#complete) return incomplete;
        if (at + 1 < end && bytes[at + 1] === enclosure) {
          decode = true;
          at += 1;
        } else if (this.#endsField(at + 1)) {
          this.#decode = decode;
          this.#wide = seen > 127;
          this.#fieldEnd = at + 1;
          return at;
        }
      }
    }
    return incomplete;
  }

  #endsField(at: number): boolean {
    const { fieldsTerminatedBy, linesTerminatedBy } = this.#dialect;
    return at >= this.#end || this.#matches(linesTerminatedBy, at) || this.#matches(fieldsTerminatedBy, at);
  }

  #matches(text: Uint8Array, at: number): boolean {
    const length = text.length;
    if (length === 0 || at + length > this.#end) return false;
    for (let k = 0; k < length; k += 1) if (this.#bytes[at + k] !== text[k]) return false;
    return true;
  }

  #setField(field: number, enclosed: boolean, start: number, end: number, text: boolean): void {
    const fields = this.#fields;
    if (this.#isNull(enclosed, start, end)) {
      fields.kinds[field] = fieldKind.null;
      return;
    }
    fields.kinds[field] = fieldKind.text;
    fields.starts[field] = start;
    fields.ends[field] = end;
    if (this.#decode) {
      fields.kinds[field] = fieldKind.decoded;
      fields.starts[field] = fields.scratchUsed;
      fields.ends[field] = this.#decodeField(enclosed, start, end);
    }
    if (this.#wide && text) {
      const source = this.#decode ? fields.scratch.bytes : this.#bytes;
      checkUtf8(source, fields.starts[field] as number, fields.ends[field] as number);
    }
  }

  #isNull(enclosed: boolean, start: number, end: number): boolean {
    if (!enclosed && this.#decode && end - start === 2) {
      if (this.#bytes[start] === this.#escape && this.#bytes[start + 1] === upperN) return true;
    }
    const { nullDefinedBy, nullOptionallyEnclosed } = this.#dialect;
    if (nullDefinedBy === undefined || (enclosed && !nullOptionallyEnclosed)) return false;
    if (nullDefinedBy.length !== end - start) return false;
    for (let k = 0; k < nullDefinedBy.length; k += 1) {
      if (this.#bytes[start + k] !== nullDefinedBy[k]) return false;
    }
    return true;
  }

  #decodeField(enclosed: boolean, start: number, end: number): number {
    const fields = this.#fields;
    let to = fields.reserveScratch(end - start);
    const out = fields.scratch.bytes;
    const escapeByte = enclosed && this.#escape === this.#enclosure ? -1 : this.#escape;
    for (let at = start; at < end; at += 1) {
      const byte = this.#bytes[at] as number;
      if (byte === escapeByte && at + 1 < end) {
        const escaped = this.#bytes[(at += 1)] as number;
        out[to++] = escapes[escaped] ?? escaped;
      } else {
        out[to++] = byte;
        if (enclosed && byte === this.#enclosure && this.#bytes[at + 1] === byte && at + 1 < end) at += 1;
      }
    }
    fields.scratchUsed = to;
    return to;
  }
}
