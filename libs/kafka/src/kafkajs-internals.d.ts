/**
 * The parts of kafkajs 2.2.4 that `kafka-connection.ts` uses and that its own typings leave out: one connection with
 * its login, and the request encoders. Written by hand, as narrow as the use; the version is pinned in package.json.
 */

declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net';
  import type { ConnectionOptions as TlsOptions } from 'node:tls';

  export interface ConnectionOptions {
    host: string;
    port: number;
    clientId: string;
    ssl: TlsOptions | null;
    sasl: { mechanism: string; username: string; password: string } | null;
    logger: import('kafkajs/src/loggers/index.js').Logger;
    socketFactory: import('kafkajs/src/network/socketFactory.js').SocketFactory;
    connectionTimeout: number;
    requestTimeout: number;
    enforceRequestTimeout: boolean;
  }

  export interface EncodedRequest {
    apiKey: number;
    apiVersion: number;
    apiName: string;
    encode(): Promise<unknown>;
  }

  export default class Connection {
    constructor(options: ConnectionOptions);
    socket: Socket | undefined;
    requestQueue: {
      fulfillRequest(response: { size: number; correlationId: number; payload: Buffer }): void;
      scheduleCheckPendingRequests(): void;
    };
    connect(): Promise<true>;
    disconnect(): Promise<true>;
    isConnected(): boolean;
    setVersions(versions: Record<number, { minVersion: number; maxVersion: number }>): void;
    setSupportAuthenticationProtocol(supported: boolean): void;
    authenticate(): Promise<void>;
    processData(chunk: Buffer): void;
    rejectRequests(error: Error): void;
    send<Response>(call: {
      request: EncodedRequest;
      response: { decode(payload: Buffer): Promise<Buffer>; parse(payload: Buffer): Promise<Response> };
      requestTimeout?: number;
      logResponseError?: boolean;
    }): Promise<Response>;
  }
}

declare module 'kafkajs/src/network/socketFactory.js' {
  import type { Socket } from 'node:net';
  import type { ConnectionOptions as TlsOptions } from 'node:tls';

  export interface SocketTarget {
    host: string;
    port: number;
    ssl: TlsOptions | null;
    onConnect(): void;
  }

  export type SocketFactory = (target: SocketTarget) => Socket;

  export default function createSocketFactory(): SocketFactory;
}

declare module 'kafkajs/src/loggers/index.js' {
  export interface Logger {
    namespace(name: string): Logger;
  }

  export function createLogger(options: { level: number; logCreator(level: number): () => void }): Logger;
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  import type { EncodedRequest } from 'kafkajs/src/network/connection.js';

  interface Definition<Parameters> {
    protocol(options: { version: number }): (parameters: Parameters) => { request: EncodedRequest };
  }

  export const requests: {
    ApiVersions: Definition<void>;
    Metadata: Definition<{ topics: string[]; allowAutoTopicCreation: boolean }>;
    ListOffsets: Definition<{
      replicaId: number;
      isolationLevel: number;
      topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
    }>;
    Fetch: Definition<{
      replicaId: number;
      isolationLevel: number;
      maxWaitTime: number;
      minBytes: number;
      maxBytes: number;
      topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
    }>;
  };
}
