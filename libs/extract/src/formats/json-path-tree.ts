/** One key of an object on the way to a mapped value. */
export interface JsonMember {
  /** Length of `"key":` as it stands in compact JSON; 0 if the key can only be written with escapes. */
  readonly prefixLength: number;
  /** The bytes of `"key":` four at a time, little endian; the last word ends with the colon and overlaps the one before. */
  readonly prefixWords: Int32Array;
  /** The key's bytes, decoded. */
  readonly key: Uint8Array;
  /** The field that takes the value's SQL text, or -1. */
  textField: number;
  /** The field that takes the value's JSON text, or -1. */
  jsonField: number;
  /** Keys looked up inside the value, when it is an object. */
  readonly children: JsonObjectShape | undefined;
  /** The member that followed this one in the last object: the first guess for the next key. */
  next: JsonMember | undefined;
}

/** The keys looked up in one object. */
export interface JsonObjectShape {
  /** Mapped members first; unmapped keys seen in the data are added so that they are recognised quickly. */
  readonly members: JsonMember[];
  /** The member seen first in the last object. */
  first: JsonMember | undefined;
  /** Every field at or below this object: they are forgotten when a key occurs again. */
  readonly fields: readonly number[];
}

/** A value to look up: object keys from the top, and the form it is wanted in. */
export interface JsonField {
  readonly path: readonly string[];
  /** JSON text (for JSON columns) rather than SQL text. */
  readonly asJson: boolean;
}

/** What a scanner looks up: the whole value and the members of it. */
export interface JsonPathTree {
  readonly wholeTextField: number;
  readonly wholeJsonField: number;
  readonly root: JsonObjectShape;
}

const encoder = new TextEncoder();
const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** Makes a member for a key. */
export function jsonMember(key: Uint8Array, children: JsonObjectShape | undefined): JsonMember {
  const plain = key.every((byte) => byte >= 0x20 && byte !== quote && byte !== backslash);
  const prefix = Buffer.from(`"":${' '.repeat(key.length)}`);
  prefix.set(key, 1);
  prefix.set([quote, colon], key.length + 1);
  // An empty key is shorter than a word.
  const prefixLength = plain && key.length > 0 ? prefix.length : 0;
  const prefixWords = Int32Array.from({ length: Math.ceil(prefixLength / 4) }, (_, index) =>
    prefix.readInt32LE(Math.min(index * 4, prefixLength - 4)),
  );
  return { prefixLength, prefixWords, key, textField: -1, jsonField: -1, children, next: undefined };
}

/** Builds the tree of `fields`; the index in the list is the field number. Each path and form may occur once. */
export function buildJsonPathTree(fields: readonly JsonField[]): JsonPathTree {
  const numbered = fields.map(({ path, asJson }, field) => ({ path, asJson, field }));
  const whole = numbered.filter(({ path }) => path.length === 0);
  return {
    wholeTextField: whole.find(({ asJson }) => !asJson)?.field ?? -1,
    wholeJsonField: whole.find(({ asJson }) => asJson)?.field ?? -1,
    root: objectShape(
      numbered.filter(({ path }) => path.length > 0),
      0,
    ),
  };
}

function objectShape(
  fields: readonly (JsonField & { readonly field: number })[],
  depth: number,
): JsonObjectShape {
  const members: JsonMember[] = [];
  for (const key of new Set(fields.map(({ path }) => path[depth] ?? ''))) {
    const below = fields.filter(({ path }) => path[depth] === key);
    const deeper = below.filter(({ path }) => path.length > depth + 1);
    const here = below.filter(({ path }) => path.length === depth + 1);
    const children = deeper.length > 0 ? objectShape(deeper, depth + 1) : undefined;
    const member = jsonMember(encoder.encode(key), children);
    member.textField = here.find(({ asJson }) => !asJson)?.field ?? -1;
    member.jsonField = here.find(({ asJson }) => asJson)?.field ?? -1;
    members.push(member);
  }
  for (const [index, member] of members.entries()) member.next = members[index + 1];
  return { members, first: members[0], fields: fields.map(({ field }) => field) };
}
