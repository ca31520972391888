/** Why no connection to a peer came about. */
export interface ConnectFailure {
  /** For people; follows "call to … failed: ". */
  readonly text: string;
  /** Somebody was there, and would not talk like this: waiting alone does not help. */
  readonly refused: boolean;
}

const wrapped = /^No connection established\. Last error: (.*?)\. Resolution note: .*$/s;
/** The client was given up while the call waited for it. */
const closedBefore = 'Channel closed before call started';
/** What OpenSSL says of a record that is none, as when the other side answers in plain text. */
const notTls =
  /wrong version number|packet length too long|unexpected message|http request|unsupported protocol/i;

/** Reads the status text with which grpc-js ends a call for which it has no connection; undefined for any other. */
export function connectFailureOf(details: string): ConnectFailure | undefined {
  if (details === closedBefore) return { text: 'no connection came about', refused: false };
  const raw = wrapped.exec(details)?.[1];
  if (raw === undefined) return undefined;
  const last = raw.replace(/^Error(?: \[\w+\])?: /, '').replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, '');
  // The words of grpc-js for a connection that opened and was closed before HTTP/2 began.
  if (last === 'Failed to connect' || last === 'Connection closed before starting HTTP/2 handshake')
    return refusal(
      'it closed the connection at once: it may ask for TLS, or not accept the certificate shown; its log says which',
    );
  // OpenSSL's words for what a server says of the certificate shown to it, or of none.
  const alert = /\balert ([a-z ]+)/.exec(last)?.[1];
  if (alert !== undefined) return refusal(`it does not accept the certificate shown: ${alert}`);
  if (last === 'Protocol error') return refusal('it does not speak gRPC: is this the gRPC port?');
  if (last.startsWith(tlsFailurePrefix)) return refusal(last);
  return { text: last, refused: false };
}

function refusal(text: string): ConnectFailure {
  return { text, refused: true };
}

const tlsFailurePrefix = 'TLS failed: ';

/** What a TLS handshake with a server ended with, in words that say which side to look at. */
export function tlsFailureOf(error: Error): Error {
  const { message } = error;
  const code = 'code' in error ? String(error.code) : '';
  if (notTls.test(message)) return new Error(`${tlsFailurePrefix}it does not speak TLS`, { cause: error });
  // Codes of the network; the peer may be on its way down or up.
  if (/^E[A-Z]+$/.test(code)) return error;
  return new Error(`${tlsFailurePrefix}its certificate is not accepted: ${message}`, { cause: error });
}
