/** Codes of the characters the lexer tests for. */
export const code = {
  tab: 0x09,
  newline: 0x0a,
  space: 0x20,
  exclamation: 0x21,
  doubleQuote: 0x22,
  hash: 0x23,
  singleQuote: 0x27,
  asterisk: 0x2a,
  plus: 0x2b,
  minus: 0x2d,
  dot: 0x2e,
  slash: 0x2f,
  colon: 0x3a,
  greater: 0x3e,
  at: 0x40,
  upperE: 0x45,
  upperM: 0x4d,
  backslash: 0x5c,
  backQuote: 0x60,
  lowerB: 0x62,
  lowerE: 0x65,
  lowerX: 0x78,
} as const;

const wordBit = 1;
const digitBit = 2;
const hexBit = 4;

const classes = new Uint8Array(128);
for (const character of '0123456789') classes[character.charCodeAt(0)] = wordBit | digitBit | hexBit;
for (const character of 'ABCDEFabcdef') classes[character.charCodeAt(0)] = wordBit | hexBit;
for (const character of 'GHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz_$')
  classes[character.charCodeAt(0)] = wordBit;

function has(character: number, bit: number): boolean {
  return ((classes[character] ?? 0) & bit) !== 0;
}

/** Letters, digits, `_`, `$` and everything outside ASCII. NaN (the end of the text) is none of these. */
export function isWordCharacter(character: number): boolean {
  return character >= 0x80 || has(character, wordBit);
}

export function isDigit(character: number): boolean {
  return has(character, digitBit);
}

export function isHexDigit(character: number): boolean {
  return has(character, hexBit);
}

/** Blank or control character. */
export function isSpace(character: number): boolean {
  return character <= code.space;
}
