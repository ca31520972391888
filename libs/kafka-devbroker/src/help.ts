/** What a user should know before relying on the development broker. */
export const help = `Development Kafka broker: for development and tests only, never for data that matters.

  It is a single node in this process, without replication, authentication, TLS or authorization.
  It speaks enough of the Kafka protocol for producers, consumers and consumer groups of kafkajs, librdkafka (kcat)
  and the Java clients. Transactions are refused; idempotent producers work. Topic configurations are ignored.
  Records are kept in files and survive a restart, but a produce request is answered before its data is on the disk:
  a crash of the machine can lose the last records. Nothing expires: delete topics, or the data directory, to free
  space. Offsets committed by consumer groups are written once a second.
`;
