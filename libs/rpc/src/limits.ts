import type { ChannelOptions } from '@grpc/grpc-js';
import { serviceConfig } from './call-policy.ts';

/** Largest message either side accepts, in bytes. */
export const messageBytesMax = 64 * 1024 * 1024;

/**
 * Size of one message of a bulk stream, in bytes. Around 1 MB is where grpc-js reaches its best rate; 64 KB messages
 * are several times slower.
 */
export const bulkChunkBytes = 1024 * 1024;

/** Longest time for finding a connection: names, TCP, TLS and HTTP/2 together, in ms. */
export const connectMsMaxDefault = 5_000;

export const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  // Megabytes. The default of 10 ends sessions that carry several 1 MB messages at once.
  'grpc-node.max_session_memory': 1024,
  // Pings from both sides find peers that are gone without a word, also between calls. A lease would not do: two nodes may be
  // separated that the aggregator still reaches.
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // A connection that nobody uses is closed; ChannelPool then forgets the address.
  'grpc.client_idle_timeout_ms': 5 * 60_000,
  'grpc.service_config': serviceConfig,
  // Names are looked up for addresses only.
  'grpc.service_config_disable_resolution': 1,
  // A node that comes back may have another address.
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Nodes reach each other directly. grpc-js would send them through the proxy that the environment names for the web,
  // and the cluster token with them.
  'grpc.enable_http_proxy': 0,
  // Otherwise channels with equal targets share connections across pools, and closing one pool disturbs another.
  'grpc.use_local_subchannel_pool': 1,
};
