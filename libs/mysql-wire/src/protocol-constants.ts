/**
 * Numbers of the MySQL client/server protocol, from the "Client/Server Protocol" chapter of the MySQL internals
 * documentation. Only what this server understands or sends is listed.
 */

/** Capability bits exchanged in the handshake. */
export const capability = {
  longPassword: 0x0000_0001,
  foundRows: 0x0000_0002,
  longFlag: 0x0000_0004,
  connectWithDatabase: 0x0000_0008,
  localFiles: 0x0000_0080,
  ignoreSpace: 0x0000_0100,
  protocol41: 0x0000_0200,
  tls: 0x0000_0800,
  transactions: 0x0000_2000,
  secureConnection: 0x0000_8000,
  multiStatements: 0x0001_0000,
  multiResults: 0x0002_0000,
  preparedMultiResults: 0x0004_0000,
  pluginAuth: 0x0008_0000,
  connectAttributes: 0x0010_0000,
  authLengthEncoded: 0x0020_0000,
} as const;

/** What the greeting announces, besides TLS when there is a certificate. Neither compression nor DEPRECATE_EOF. */
export const announcedCapabilities =
  capability.longPassword |
  capability.foundRows |
  capability.longFlag |
  capability.connectWithDatabase |
  capability.localFiles |
  capability.ignoreSpace |
  capability.protocol41 |
  capability.transactions |
  capability.secureConnection |
  capability.multiStatements |
  capability.multiResults |
  capability.preparedMultiResults |
  capability.pluginAuth |
  capability.connectAttributes |
  capability.authLengthEncoded;

/** The commands that are served, by the first byte of a command packet. Every other byte is answered with error 1047. */
export const commandNames = {
  1: 'quit',
  2: 'initDatabase',
  3: 'query',
  4: 'fieldList',
  9: 'statistics',
  12: 'processKill',
  14: 'ping',
  17: 'changeUser',
  22: 'statementPrepare',
  23: 'statementExecute',
  24: 'statementSendLongData',
  25: 'statementClose',
  26: 'statementReset',
  27: 'setOption',
  31: 'resetConnection',
} as const;

export type CommandName = (typeof commandNames)[keyof typeof commandNames];

/** The name of a command byte, undefined when it is not served. */
export function commandNameOf(byte: number): CommandName | undefined {
  return (commandNames as Readonly<Record<number, CommandName>>)[byte];
}

/** Bits of the server status in OK and EOF packets. */
export const serverStatus = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResultsExist: 0x0008,
} as const;

/** Column types on the wire. */
export const columnType = {
  decimal: 0,
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  varchar: 15,
  bit: 16,
  json: 245,
  newdecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** Bits of a column definition. */
export const columnFlag = {
  notNull: 0x0001,
  blob: 0x0010,
  unsigned: 0x0020,
  binary: 0x0080,
  timestamp: 0x0400,
} as const;

/** Collation ids: utf8_general_ci is what the greeting names, `binary` marks bytes, numbers and times. */
export const collation = { utf8GeneralCi: 33, binary: 63 } as const;

/** The payload length that says "another frame follows". */
export const frameBytesMax = 0xff_ff_ff;
