import { nativePasswordPlugin, scrambleBytes } from './native-password.ts';
import { malformed, PacketReader } from './packet-reader.ts';
import type { PacketWriter } from './packet-writer.ts';
import { announcedCapabilities, capability, collation, serverStatus } from './protocol-constants.ts';

const protocolVersion = 10;
const scrambleFirstPartBytes = 8;

export interface Greeting {
  readonly serverVersion: string;
  readonly connectionId: bigint;
  readonly scramble: Uint8Array;
  /** Offers TLS. */
  readonly tls: boolean;
}

/** What a client says about itself, in the handshake response and in COM_CHANGE_USER. */
export interface ClientHello {
  /** The client's capability bits as sent; COM_CHANGE_USER carries none and keeps those of the handshake. */
  readonly capabilities: number;
  readonly collation: number;
  readonly user: string;
  readonly authAnswer: Uint8Array;
  /** Empty when the client does not name a plugin. */
  readonly authPlugin: string;
  readonly database: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
}

/** Writes the payload of Protocol::HandshakeV10. */
export function writeGreeting(writer: PacketWriter, greeting: Greeting): void {
  const capabilities = announcedCapabilities | (greeting.tls ? capability.tls : 0);
  writer.u8(protocolVersion);
  writer.nulTerminatedText(greeting.serverVersion);
  writer.u32(Number(BigInt.asUintN(32, greeting.connectionId)));
  writer.bytes(greeting.scramble.subarray(0, scrambleFirstPartBytes));
  writer.u8(0);
  writer.u16(capabilities & 0xffff);
  writer.u8(collation.utf8GeneralCi);
  writer.u16(serverStatus.autocommit);
  writer.u16(capabilities >>> 16);
  writer.u8(scrambleBytes + 1);
  writer.zeros(10);
  writer.bytes(greeting.scramble.subarray(scrambleFirstPartBytes));
  writer.u8(0);
  writer.nulTerminatedText(nativePasswordPlugin);
}

/** Writes the payload that asks a client for an answer by our plugin: Protocol::AuthSwitchRequest. */
export function writeAuthSwitch(writer: PacketWriter, scramble: Uint8Array): void {
  writer.u8(0xfe);
  writer.nulTerminatedText(nativePasswordPlugin);
  writer.bytes(scramble);
  writer.u8(0);
}

/** The head of a handshake response, all that a client sends before it starts TLS. */
const tlsRequestBytes = 32;

/** Whether a packet is a Protocol::SSLRequest, which stands before the handshake response. */
export function isTlsRequest(payload: Buffer): boolean {
  return payload.length === tlsRequestBytes && (payload.readUInt32LE(0) & capability.tls) !== 0;
}

/**
 * Reads Protocol::HandshakeResponse41. Optional fields follow the *client's* flags, as some clients use what the
 * server did not announce (length-encoded authentication data above all).
 *
 * @throws MillraceError PACKET_MALFORMED, also for a TLS request and for clients older than MySQL 4.1
 */
export function parseHandshakeResponse(payload: Buffer): ClientHello {
  const reader = new PacketReader(payload);
  const capabilities = reader.remaining >= 4 ? reader.u32() : reader.u16();
  if ((capabilities & capability.protocol41) === 0) {
    throw malformed('the client does not speak the protocol of MySQL 4.1 or later');
  }
  reader.skip(4);
  const clientCollation = reader.u8();
  reader.skip(23);
  if ((capabilities & capability.tls) !== 0 && reader.remaining === 0) {
    throw malformed('the client asks for TLS, which this server did not offer');
  }
  const user = reader.bytesToNulOrEnd().toString();
  const authAnswer = readAuthAnswer(reader, capabilities);
  const database =
    (capabilities & capability.connectWithDatabase) !== 0 ? reader.bytesToNulOrEnd().toString() : '';
  const authPlugin = (capabilities & capability.pluginAuth) !== 0 ? reader.bytesToNulOrEnd().toString() : '';
  const attributes = readAttributes(reader, capabilities);
  return {
    capabilities,
    collation: clientCollation,
    user,
    authAnswer,
    authPlugin,
    database: database === '' ? undefined : database,
    attributes,
  };
}

/**
 * Reads the body of COM_CHANGE_USER, the command byte already removed.
 *
 * @throws MillraceError PACKET_MALFORMED
 */
export function parseChangeUser(payload: Buffer, capabilities: number): ClientHello {
  const reader = new PacketReader(payload);
  const user = reader.bytesToNulOrEnd().toString();
  const authAnswer =
    (capabilities & capability.secureConnection) !== 0 ? reader.bytes(reader.u8()) : reader.bytesToNulOrEnd();
  const database = reader.bytesToNulOrEnd().toString();
  const clientCollation = reader.remaining >= 2 ? reader.u16() : collation.utf8GeneralCi;
  const authPlugin = (capabilities & capability.pluginAuth) !== 0 ? reader.bytesToNulOrEnd().toString() : '';
  return {
    capabilities,
    collation: clientCollation,
    user,
    authAnswer,
    authPlugin,
    database: database === '' ? undefined : database,
    attributes: readAttributes(reader, capabilities),
  };
}

function readAuthAnswer(reader: PacketReader, capabilities: number): Buffer {
  if ((capabilities & capability.authLengthEncoded) !== 0) return reader.lengthEncodedBytes();
  if ((capabilities & capability.secureConnection) !== 0) return reader.bytes(reader.u8());
  return reader.bytesToNulOrEnd();
}

function readAttributes(reader: PacketReader, capabilities: number): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  if ((capabilities & capability.connectAttributes) === 0 || reader.remaining === 0) return attributes;
  const pairs = new PacketReader(reader.lengthEncodedBytes());
  while (pairs.remaining > 0) {
    const name = pairs.lengthEncodedBytes().toString();
    attributes.set(name, pairs.lengthEncodedBytes().toString());
  }
  return attributes;
}
