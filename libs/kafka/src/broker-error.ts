import type { ErrorCode } from '@millrace/errors/codes';
import { MillraceError } from '@millrace/errors/millrace-error';

/**
 * Error codes that brokers answer to Metadata, ListOffsets and Fetch with, and what they are for us. SOURCE_UNREACHABLE
 * is the class of errors that pass: the client asks again, with fresh metadata. (Kafka protocol, "Error Codes".)
 */
const brokerErrors: Readonly<Record<number, { readonly name: string; readonly code: ErrorCode }>> = {
  [-1]: { name: 'UNKNOWN_SERVER_ERROR', code: 'SOURCE_UNREACHABLE' },
  1: { name: 'OFFSET_OUT_OF_RANGE', code: 'OFFSET_OUT_OF_RANGE' },
  2: { name: 'CORRUPT_MESSAGE', code: 'RECORD_CORRUPT' },
  // Right after a leader moved a broker may not know its partition yet: fresh metadata tells whether the topic exists.
  3: { name: 'UNKNOWN_TOPIC_OR_PARTITION', code: 'SOURCE_UNREACHABLE' },
  5: { name: 'LEADER_NOT_AVAILABLE', code: 'SOURCE_UNREACHABLE' },
  6: { name: 'NOT_LEADER_OR_FOLLOWER', code: 'SOURCE_UNREACHABLE' },
  7: { name: 'REQUEST_TIMED_OUT', code: 'SOURCE_UNREACHABLE' },
  8: { name: 'BROKER_NOT_AVAILABLE', code: 'SOURCE_UNREACHABLE' },
  9: { name: 'REPLICA_NOT_AVAILABLE', code: 'SOURCE_UNREACHABLE' },
  13: { name: 'NETWORK_EXCEPTION', code: 'SOURCE_UNREACHABLE' },
  17: { name: 'INVALID_TOPIC_EXCEPTION', code: 'TOPIC_UNKNOWN' },
  29: { name: 'TOPIC_AUTHORIZATION_FAILED', code: 'SOURCE_AUTHENTICATION' },
  31: { name: 'CLUSTER_AUTHORIZATION_FAILED', code: 'SOURCE_AUTHENTICATION' },
  43: { name: 'UNSUPPORTED_FOR_MESSAGE_FORMAT', code: 'RECORD_FORMAT' },
  56: { name: 'KAFKA_STORAGE_ERROR', code: 'SOURCE_UNREACHABLE' },
  74: { name: 'FENCED_LEADER_EPOCH', code: 'SOURCE_UNREACHABLE' },
  75: { name: 'UNKNOWN_LEADER_EPOCH', code: 'SOURCE_UNREACHABLE' },
  76: { name: 'UNSUPPORTED_COMPRESSION_TYPE', code: 'RECORD_FORMAT' },
  78: { name: 'OFFSET_NOT_AVAILABLE', code: 'SOURCE_UNREACHABLE' },
};

/** The error for a code other than 0 in a broker's answer about `subject`. */
export function brokerError(errorCode: number, subject: string): MillraceError {
  const known = brokerErrors[errorCode] ?? { name: `error code ${errorCode}`, code: 'SOURCE_UNREACHABLE' };
  return new MillraceError(known.code, `${subject}: the broker answered ${known.name}`);
}
