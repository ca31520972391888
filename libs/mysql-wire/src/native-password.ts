import { createHash, timingSafeEqual } from 'node:crypto';

/** The authentication plugin of this server. */
export const nativePasswordPlugin = 'mysql_native_password';
export const scrambleBytes = 20;

/**
 * Makes a scramble out of random bytes: printable characters only, because clients read it as a NUL-terminated text
 * and some treat `$` as a separator.
 */
export function scrambleFrom(random: Uint8Array): Buffer {
  return Buffer.from(random.subarray(0, scrambleBytes).map((byte) => 0x30 + (byte % 0x4e)));
}

/** SHA1(SHA1(password)), what a server stores; empty for no password. */
export function storedHashOf(password: string): Buffer {
  return password === '' ? Buffer.alloc(0) : sha1(sha1(Buffer.from(password)));
}

/**
 * Checks a client's mysql_native_password answer: SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))), empty for
 * no password.
 */
export function checkNativePassword(
  answer: Uint8Array,
  scramble: Uint8Array,
  storedHash: Uint8Array,
): boolean {
  if (storedHash.length === 0 || answer.length === 0) return storedHash.length === answer.length;
  if (answer.length !== scrambleBytes || storedHash.length !== scrambleBytes) return false;
  const mask = sha1(scramble, storedHash);
  const passwordHash = Buffer.from(answer).map((byte, index) => byte ^ (mask[index] ?? 0));
  return timingSafeEqual(sha1(passwordHash), storedHash);
}

function sha1(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
