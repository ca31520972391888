import { MillraceError } from '@millrace/errors/millrace-error';
import { type ClientHello, writeAuthSwitch } from './handshake.ts';
import { checkNativePassword, nativePasswordPlugin } from './native-password.ts';
import { ClientGoneError, type PacketChannel } from './packet-channel.ts';
import type { Authenticate, RemoteAddress } from './session.ts';

export interface AuthenticationContext {
  readonly channel: PacketChannel;
  readonly scramble: Uint8Array;
  readonly remote: RemoteAddress;
  readonly authenticate: Authenticate;
}

/**
 * Checks who a client says it is. One that answers by another plugin is asked again, with the scramble of the greeting.
 *
 * @throws MillraceError ACCESS_DENIED, or what `authenticate` throws; ClientGoneError
 */
export async function authenticateClient(hello: ClientHello, context: AuthenticationContext): Promise<void> {
  const { channel, scramble, remote } = context;
  const speaksOurs = hello.authPlugin === '' || hello.authPlugin === nativePasswordPlugin;
  const answer = speaksOurs ? hello.authAnswer : await switchedAnswer(channel, scramble);
  const check = (storedHash: Uint8Array): boolean => checkNativePassword(answer, scramble, storedHash);
  if (await context.authenticate(hello.user, check, remote)) return;
  throw new MillraceError(
    'ACCESS_DENIED',
    `access denied for user '${hello.user}'@'${remote.address}' (using password: ${answer.length > 0 ? 'YES' : 'NO'})`,
  );
}

async function switchedAnswer(channel: PacketChannel, scramble: Uint8Array): Promise<Buffer> {
  channel.writer.startPacket();
  writeAuthSwitch(channel.writer, scramble);
  channel.writer.endPacket();
  const sequence = channel.writer.sequence;
  await channel.flush();
  const answer = await channel.read(sequence);
  if (answer === undefined) throw new ClientGoneError();
  return answer;
}
