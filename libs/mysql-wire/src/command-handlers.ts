import { MillraceError } from '@millrace/errors/millrace-error';
import {
  writeColumnDefinition,
  writeFieldListDefinition,
  writeParameterDefinition,
} from './column-definition.ts';
import type { PacketChannel } from './packet-channel.ts';
import { malformed, PacketReader } from './packet-reader.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import type { CommandName } from './protocol-constants.ts';
import { writeEof, writeOk, writePrepareOk } from './responses.ts';
import { type RowFormat, sendResults, statusFlagsOf } from './result-sender.ts';
import type { MysqlSession, StatementResult } from './session.ts';
import { parseExecute } from './statement-parameters.ts';
import { decodeStatementText } from './statement-text.ts';

/** The parameter count of a prepare answer has 16 bits. */
const parameterCountMax = 0xffff;

/** What a command works with. */
export interface CommandContext {
  readonly channel: PacketChannel;
  readonly session: MysqlSession;
  readonly prepared: PreparedStatements;
  readonly textCollation: number;
  /** Fires when the command is to stop. */
  readonly signal: AbortSignal;
  /** Shows a text in the process list while the command runs. */
  showStatement(sql: string): void;
  setMultiStatements(allowed: boolean): void;
  /** COM_CHANGE_USER: the connection gets a new session, or ends. */
  changeUser(body: Buffer): Promise<void>;
  /** COM_QUIT: the connection ends after this command. */
  quit(): void;
}

/** Serves one command: reads its body (the payload after the command byte) and writes the answer, if it has one. */
type CommandHandler = (context: CommandContext, body: Buffer) => Promise<void>;

/** One handler for each command. Errors they throw become the answer; malformed bodies also end the connection. */
export const commandHandlers = {
  quit: async (context) => context.quit(),
  initDatabase: async (context, body) => {
    await context.session.useDatabase(body.toString());
    answerOk(context);
  },
  query: async (context, body) => {
    const sql = decodeStatementText(body);
    context.showStatement(sql);
    await send(context, context.session.query(sql, context.signal), 'text');
  },
  fieldList: async (context, body) => {
    if (context.session.listFields === undefined) {
      throw new MillraceError('COMMAND_UNKNOWN', 'COM_FIELD_LIST is not supported');
    }
    const table = new PacketReader(body).bytesToNulOrEnd().toString();
    const { writer } = context.channel;
    for (const column of await context.session.listFields(table)) {
      writeFieldListDefinition(writer, column, context.textCollation);
    }
    writeEof(writer, statusFlagsOf(context.session.status), 0);
  },
  statistics: async ({ channel, session }) => {
    channel.writer.startPacket();
    channel.writer.text(session.statistics());
    channel.writer.endPacket();
  },
  processKill: async (context, body) => {
    await context.session.killConnection(BigInt(new PacketReader(body).u32()));
    answerOk(context);
  },
  ping: async (context) => answerOk(context),
  changeUser: async (context, body) => context.changeUser(body),
  statementPrepare: prepareStatement,
  statementExecute: executeStatement,
  statementSendLongData: async (context, body) => {
    const reader = new PacketReader(body);
    context.prepared.appendLongData(reader.u32(), reader.u16(), reader.rest());
  },
  statementClose: async (context, body) => context.prepared.close(new PacketReader(body).u32()),
  statementReset: async (context, body) => {
    context.prepared.clearLongData(context.prepared.get(new PacketReader(body).u32()));
    answerOk(context);
  },
  setOption: async (context, body) => {
    const option = new PacketReader(body).u16();
    if (option > 1) throw malformed(`the option ${option} of COM_SET_OPTION`);
    context.setMultiStatements(option === 0);
    writeEof(context.channel.writer, statusFlagsOf(context.session.status), 0);
  },
  resetConnection: async (context) => {
    await context.session.reset();
    context.prepared.closeAll();
    answerOk(context);
  },
} satisfies Record<CommandName, CommandHandler>;

/** An OK packet that reports nothing but the session's state. */
export function answerOk({ channel, session }: Pick<CommandContext, 'channel' | 'session'>): void {
  const statusFlags = statusFlagsOf(session.status);
  writeOk(channel.writer, { affectedRows: 0n, lastInsertId: 0n, statusFlags, warnings: 0 });
}

async function prepareStatement(context: CommandContext, body: Buffer): Promise<void> {
  const { session, prepared, channel, textCollation } = context;
  const sql = decodeStatementText(body);
  context.showStatement(sql);
  prepared.checkRoomFor(sql);
  const { parameterCount, columns } = await session.prepare(sql);
  if (parameterCount > parameterCountMax) {
    throw new MillraceError('SQL_TOO_COMPLEX', `the statement has ${parameterCount} parameters`, {
      detail: `at most ${parameterCountMax} are possible`,
    });
  }
  const { id } = prepared.add(sql, parameterCount);
  const { writer } = channel;
  const statusFlags = statusFlagsOf(session.status);
  writePrepareOk(writer, { statementId: id, columnCount: columns.length, parameterCount });
  if (parameterCount > 0) {
    for (let index = 0; index < parameterCount; index += 1) writeParameterDefinition(writer);
    writeEof(writer, statusFlags, 0);
  }
  if (columns.length > 0) {
    for (const column of columns) writeColumnDefinition(writer, column, textCollation);
    writeEof(writer, statusFlags, 0);
  }
}

async function executeStatement(context: CommandContext, body: Buffer): Promise<void> {
  const { prepared, session, signal } = context;
  const reader = new PacketReader(body);
  const statement = prepared.get(reader.u32());
  context.showStatement(statement.sql);
  try {
    if (statement.longDataError !== undefined) throw statement.longDataError;
    const { values, types } = parseExecute(reader, {
      parameterCount: statement.parameterCount,
      knownTypes: statement.types,
      longData: statement.longData,
    });
    statement.types = types;
    await send(context, session.execute(statement.sql, values, signal), 'binary');
  } finally {
    prepared.clearLongData(statement);
  }
}

function send(
  context: CommandContext,
  results: AsyncIterable<StatementResult>,
  format: RowFormat,
): Promise<void> {
  const { channel, session, signal, textCollation } = context;
  return sendResults(results, { channel, signal, format, textCollation, status: () => session.status });
}
