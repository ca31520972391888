import { isMillraceError } from '@millrace/errors/millrace-error';

/** The Kafka error codes this broker answers with. (Kafka protocol guide, "Error Codes".) */
export const errorCode = {
  UNKNOWN_SERVER_ERROR: -1,
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  INVALID_REQUIRED_ACKS: 21,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  UNSUPPORTED_VERSION: 35,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_REQUEST: 42,
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 43,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  INVALID_PRODUCER_EPOCH: 47,
  KAFKA_STORAGE_ERROR: 56,
  FETCH_SESSION_ID_NOT_FOUND: 70,
  UNSUPPORTED_COMPRESSION_TYPE: 76,
  MEMBER_ID_REQUIRED: 79,
  GROUP_MAX_SIZE_REACHED: 81,
  INVALID_RECORD: 87,
} as const;

export type ErrorCodeName = keyof typeof errorCode;

/** An outcome that is answered inside a response, for one topic, partition or group; the connection goes on. */
export class ProtocolError extends Error {
  readonly code: number;

  constructor(name: ErrorCodeName, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = errorCode[name];
  }
}

/**
 * The error code that answers a failed operation: what a {@link ProtocolError} says, or that stored data is damaged or the
 * disk failed. Anything else is a bug and thrown on.
 */
export function answerCode(error: unknown): number {
  if (error instanceof ProtocolError) return error.code;
  if (isMillraceError(error, 'RECORD_CORRUPT')) return errorCode.CORRUPT_MESSAGE;
  if (error instanceof Error && 'syscall' in error) return errorCode.KAFKA_STORAGE_ERROR;
  throw error;
}
