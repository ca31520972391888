import { MillraceError } from '@millrace/errors/millrace-error';
import type { RowErrors } from '../rows/row-errors.ts';
import { fieldKind, type RowFields, type RowSink } from '../rows/row-fields.ts';
import type { RequiredField } from '../rows/row-plan.ts';
import { type JsonMember, type JsonObjectShape, type JsonPathTree, jsonMember } from './json-path-tree.ts';
import { decodeJsonString, hexDigit } from './json-text.ts';
import type { RecordScanner } from './record-scanner.ts';
import { checkUtf8 } from './utf8.ts';

const depthMax = 1000;
/** Unmapped keys remembered per object, so that recognising a key stays cheap whatever the data. */
const membersLearnedMax = 64;

const quote = 34;
const minus = 45;
const colon = 58;
const comma = 44;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/**
 * Reads JSON values (RFC 8259) in place and hands the mapped parts of each to a sink as one row. Several values may
 * follow each other with or without white space between them. Keys are looked up in the order they came last time,
 * so records of one producer cost one comparison per key. Of a key that occurs twice the last value counts.
 */
export class JsonScanner implements RecordScanner {
  readonly #tree: JsonPathTree;
  readonly #fields: RowFields;
  readonly #sink: RowSink;
  readonly #errors: RowErrors;
  readonly #required: readonly RequiredField[];
  readonly #requiredFields: Int32Array;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #end = 0;
  #hitEnd = false;

  constructor(
    options: { readonly tree: JsonPathTree; readonly required: readonly RequiredField[] },
    fields: RowFields,
    sink: RowSink,
    errors: RowErrors,
  ) {
    this.#tree = options.tree;
    this.#required = options.required;
    this.#requiredFields = Int32Array.from(options.required, ({ field }) => field);
    this.#errors = errors;
    this.#fields = fields;
    this.#sink = sink;
  }

  scan(bytes: Buffer, start: number, end: number, complete: boolean): number {
    const fields = this.#fields;
    this.#bytes = bytes;
    this.#end = end;
    fields.setInput(bytes);
    this.#view = fields.input.view;
    let at = this.#skipSpace(start);
    while (at < end) {
      this.#hitEnd = false;
      // Where reading goes on after a bad row: nothing tells where the next value begins.
      let next = end;
      fields.clear();
      try {
        next = this.#topValue(at);
        // A number that touches the end may go on in the next bytes.
        if (next === end && !complete) return at;
        this.#checkRequired();
        this.#sink.addRow(fields);
      } catch (error) {
        if (this.#hitEnd && !complete) return at;
        this.#errors.rejectRow(error, fields, bytes, at, next);
      }
      fields.line += 1;
      at = this.#skipSpace(next);
    }
    return end;
  }

  #checkRequired(): void {
    const kinds = this.#fields.kinds;
    const required = this.#requiredFields;
    for (let index = 0; index < required.length; index += 1) {
      if (kinds[required[index] as number] !== fieldKind.missing) continue;
      throw new MillraceError('FIELD_MISSING', `the record has no field ${this.#required[index]?.label}`);
    }
  }

  #topValue(at: number): number {
    const { root, wholeTextField, wholeJsonField } = this.#tree;
    if (this.#bytes[at] === openBrace && wholeTextField < 0 && wholeJsonField < 0)
      return this.#object(root, at);
    const next = this.#capture(at, wholeTextField, wholeJsonField);
    if (this.#bytes[at] === openBrace) this.#object(root, at);
    return next;
  }

  /** Reads the object at `at` and fills the fields of `shape`; returns the position after it. */
  #object(shape: JsonObjectShape, at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = at + 1;
    if (i < end && (bytes[i] as number) <= 32) i = this.#skipSpace(i);
    if (i < end && bytes[i] === closeBrace) return i + 1;
    let previous: JsonMember | undefined;
    let guess = shape.first;
    for (;;) {
      let member = guess;
      if (member !== undefined && this.#hasPrefix(member, i)) {
        i += member.prefixLength;
      } else {
        if (i >= end || bytes[i] !== quote) throw this.#unexpected(i, 'a key');
        const keyEnd = this.#string(i);
        member = this.#findMember(shape, i + 1, keyEnd - 1);
        if (member !== undefined) {
          if (previous === undefined) shape.first = member;
          else previous.next = member;
        }
        i = this.#skipSpace(keyEnd);
        if (i >= end || bytes[i] !== colon) throw this.#unexpected(i, "':'");
        i += 1;
      }
      if (i < end && (bytes[i] as number) <= 32) i = this.#skipSpace(i);
      i = member === undefined ? this.#skip(i) : this.#member(member, i);
      if (i < end && (bytes[i] as number) <= 32) i = this.#skipSpace(i);
      const separator = i < end ? bytes[i] : -1;
      if (separator === closeBrace) return i + 1;
      if (separator !== comma) throw this.#unexpected(i, "',' or '}'");
      i += 1;
      if (i < end && (bytes[i] as number) <= 32) i = this.#skipSpace(i);
      if (member !== undefined) {
        previous = member;
        guess = member.next;
      }
    }
  }

  /** Whether `"key":` of the member stands at `at`. */
  #hasPrefix(member: JsonMember, at: number): boolean {
    const length = member.prefixLength;
    if (length === 0 || at + length > this.#end) return false;
    const view = this.#view;
    const words = member.prefixWords;
    const last = words.length - 1;
    for (let k = 0; k < last; k += 1) {
      if (view.getInt32(at + k * 4, true) !== words[k]) return false;
    }
    return view.getInt32(at + length - 4, true) === words[last];
  }

  #findMember(shape: JsonObjectShape, start: number, end: number): JsonMember | undefined {
    let bytes = this.#bytes;
    let from = start;
    let to = end;
    const escaped = bytes.subarray(start, end).includes(backslash);
    if (escaped) {
      from = this.#fields.scratchUsed;
      to = decodeJsonString(this.#fields, bytes, start, end);
      bytes = this.#fields.scratch.bytes;
    }
    const found = shape.members.find(({ key }) => {
      if (key.length !== to - from) return false;
      for (let k = 0; k < key.length; k += 1) if (bytes[from + k] !== key[k]) return false;
      return true;
    });
    if (found !== undefined || escaped || shape.members.length >= membersLearnedMax) return found;
    const learned = jsonMember(bytes.slice(from, to), undefined);
    shape.members.push(learned);
    return learned;
  }

  #member(member: JsonMember, at: number): number {
    const children = member.children;
    if (children === undefined) {
      return member.textField < 0 && member.jsonField < 0
        ? this.#skip(at)
        : this.#capture(at, member.textField, member.jsonField);
    }
    const kinds = this.#fields.kinds;
    for (const field of children.fields) kinds[field] = fieldKind.missing;
    if (this.#bytes[at] !== openBrace) return this.#capture(at, member.textField, member.jsonField);
    const end = this.#object(children, at);
    this.#setRange(member.textField, fieldKind.json, at, end);
    this.#setRange(member.jsonField, fieldKind.json, at, end);
    return end;
  }

  #setRange(field: number, kind: number, start: number, end: number): void {
    if (field < 0) return;
    if (kind === fieldKind.json) checkUtf8(this.#bytes, start, end);
    this.#fields.kinds[field] = kind;
    this.#fields.starts[field] = start;
    this.#fields.ends[field] = end;
  }

  /** Reads the value at `at` into the fields given (-1 for none) and returns the position after it. */
  #capture(at: number, textField: number, jsonField: number): number {
    const first = at < this.#end ? (this.#bytes[at] as number) : -1;
    if (first === quote && jsonField < 0) return this.#captureString(at, textField);
    const end = this.#skip(at);
    if (first === 110) {
      this.#setRange(textField, fieldKind.null, at, end);
      this.#setRange(jsonField, fieldKind.null, at, end);
      return end;
    }
    this.#setRange(jsonField, fieldKind.json, at, end);
    if (textField < 0) return end;
    if (first === quote) return this.#captureString(at, textField);
    let kind: number = fieldKind.number;
    if (first === openBrace || first === openBracket) kind = fieldKind.json;
    else if (first === 116) kind = fieldKind.true;
    else if (first === 102) kind = fieldKind.false;
    this.#setRange(textField, kind, at, end);
    return end;
  }

  #captureString(at: number, field: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let seen = 0;
    let i = at + 1;
    for (; i < end; i += 1) {
      const byte = bytes[i] as number;
      seen |= byte;
      if (byte === quote) {
        if (field >= 0) {
          if (seen > 127) checkUtf8(bytes, at + 1, i);
          const fields = this.#fields;
          fields.kinds[field] = fieldKind.text;
          fields.starts[field] = at + 1;
          fields.ends[field] = i;
        }
        return i + 1;
      }
      if (byte === backslash || byte < 32) break;
    }
    const next = this.#string(at);
    const start = this.#fields.scratchUsed;
    if (field >= 0) {
      const decodedEnd = decodeJsonString(this.#fields, bytes, at + 1, next - 1);
      checkUtf8(this.#fields.scratch.bytes, start, decodedEnd);
      this.#setRange(field, fieldKind.decoded, start, decodedEnd);
    }
    return next;
  }

  /** Checks the string at `at` and returns the position after its closing quote. */
  #string(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    for (let i = at + 1; i < end; i += 1) {
      const byte = bytes[i] as number;
      if (byte === quote) return i + 1;
      if (byte < 32) throw this.#invalid(i, 'a control character must be escaped in a string');
      if (byte !== backslash) continue;
      i += 1;
      if (i >= end) break;
      const escaped = bytes[i] as number;
      if (escaped === 117) {
        for (let digit = 1; digit <= 4; digit += 1) {
          if (i + digit >= end) throw this.#unexpected(end, 'four hexadecimal digits');
          if (hexDigit(bytes[i + digit] as number) < 0)
            throw this.#invalid(i, "four digits must follow '\\u'");
        }
        i += 4;
      } else if (!isShortEscape(escaped)) {
        throw this.#invalid(i, 'this escape does not exist');
      }
    }
    throw this.#unexpected(end, "'\"'");
  }

  /** Checks the value at `at` and returns the position after it. */
  #skip(at: number): number {
    const first = at < this.#end ? (this.#bytes[at] as number) : -1;
    if (first === quote) return this.#string(at);
    if (first === openBrace || first === openBracket) return this.#skipContainer(at);
    return this.#scalar(at, first);
  }

  #scalar(at: number, first: number): number {
    if (first === minus || isDigit(first)) return this.#number(at);
    if (first === 116) return this.#literal(at, 'true');
    if (first === 102) return this.#literal(at, 'false');
    if (first === 110) return this.#literal(at, 'null');
    throw this.#unexpected(at, 'a value');
  }

  #literal(at: number, word: string): number {
    for (let k = 0; k < word.length; k += 1) {
      if (at + k >= this.#end || this.#bytes[at + k] !== word.charCodeAt(k)) {
        throw this.#unexpected(at + k, `'${word}'`);
      }
    }
    return at + word.length;
  }

  #digits(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = at;
    while (i < end && isDigit(bytes[i] as number)) i += 1;
    if (i === at) throw this.#unexpected(i, 'a digit');
    return i;
  }

  #number(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = bytes[at] === minus ? at + 1 : at;
    // No leading zeros: after a zero the integer part is over.
    if (i < end && bytes[i] === 48) i += 1;
    else i = this.#digits(i);
    if (i < end && bytes[i] === 46) i = this.#digits(i + 1);
    if (i < end && ((bytes[i] as number) | 32) === 101) {
      i += 1;
      if (i < end && (bytes[i] === 43 || bytes[i] === minus)) i += 1;
      i = this.#digits(i);
    }
    if (i < end && isDigit(bytes[i] as number))
      throw this.#invalid(i, 'a number must not have leading zeros');
    return i;
  }

  /** Checks the object or array at `at` without recursion; `closers` holds what each open level ends with. */
  #skipContainer(at: number): number {
    const bytes = this.#bytes;
    const closers: number[] = [];
    let i = at;
    for (;;) {
      // At a value.
      const first = i < this.#end ? (bytes[i] as number) : -1;
      if (first === openBrace || first === openBracket) {
        if (closers.length >= depthMax) throw this.#invalid(i, `nested deeper than ${depthMax} levels`);
        const closer = first === openBrace ? closeBrace : closeBracket;
        i = this.#skipSpace(i + 1);
        if (i >= this.#end || bytes[i] !== closer) {
          closers.push(closer);
          if (closer === closeBrace) i = this.#keyAndColon(i);
          continue;
        }
        i += 1;
      } else {
        i = first === quote ? this.#string(i) : this.#scalar(i, first);
      }
      // After a value.
      for (;;) {
        const closer = closers.at(-1);
        if (closer === undefined) return i;
        i = this.#skipSpace(i);
        const byte = i < this.#end ? bytes[i] : -1;
        if (byte === comma) {
          i = this.#skipSpace(i + 1);
          if (closer === closeBrace) i = this.#keyAndColon(i);
          break;
        }
        if (byte !== closer) throw this.#unexpected(i, `',' or '${String.fromCharCode(closer)}'`);
        closers.pop();
        i += 1;
      }
    }
  }

  #keyAndColon(at: number): number {
    if (at >= this.#end || this.#bytes[at] !== quote) throw this.#unexpected(at, 'a key');
    const i = this.#skipSpace(this.#string(at));
    if (i >= this.#end || this.#bytes[i] !== colon) throw this.#unexpected(i, "':'");
    return this.#skipSpace(i + 1);
  }

  #skipSpace(at: number): number {
    const bytes = this.#bytes;
    let i = at;
    while (i < this.#end) {
      const byte = bytes[i];
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) break;
      i += 1;
    }
    return i;
  }

  #unexpected(at: number, wanted: string): MillraceError {
    if (at < this.#end) return this.#invalid(at, `${wanted} expected`);
    this.#hitEnd = true;
    return new MillraceError('ROW_PARSE', `invalid JSON: the text ends where ${wanted} is expected`);
  }

  #invalid(at: number, problem: string): MillraceError {
    const text = Buffer.from(this.#bytes.subarray(at, Math.min(at + 20, this.#end))).toString();
    return new MillraceError('ROW_PARSE', `invalid JSON at '${text}': ${problem}`);
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** `"` `\` `/` `b` `f` `n` `r` `t`. */
function isShortEscape(byte: number): boolean {
  return (
    byte === 34 ||
    byte === 92 ||
    byte === 47 ||
    byte === 98 ||
    byte === 102 ||
    byte === 110 ||
    byte === 114 ||
    byte === 116
  );
}
