import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** CRC-32C (Castagnoli polynomial) of `bytes`, as an unsigned 32-bit number: the checksum of Kafka record batches. */
export function crc32c(bytes: Uint8Array): number {
  return nativeCrc32c(bytes);
}
