/** What holds for the calls of one unary method between nodes. */
interface UnaryPolicy {
  /** Milliseconds after which a call without a deadline of its own fails; `caller`: it ends by its caller's signal alone. */
  readonly deadlineMs: number | 'caller';
  /** Repeating does no harm, so that a call that found nobody is repeated. */
  readonly idempotent: boolean;
}

const minuteMs = 60_000;

/**
 * Deadlines and repetitions, by method. Streams are not listed: they end by their caller's signal, or when keepalive finds
 * the peer gone. Sources are asked again by the pipelines, which know how long that may take.
 */
export const unaryPolicies: Readonly<Record<string, UnaryPolicy>> = {
  'millrace.cluster.v1.Cluster/ResolveTransactions': { deadlineMs: 10_000, idempotent: true },
  'millrace.cluster.v1.Cluster/ListNodes': { deadlineMs: 10_000, idempotent: true },
  // An ALTER TABLE writes whole tables anew.
  'millrace.leaf.v1.Leaf/ApplySchema': { deadlineMs: 60 * minuteMs, idempotent: true },
  'millrace.leaf.v1.Leaf/DropDatabase': { deadlineMs: 10 * minuteMs, idempotent: true },
  // As long as the statement, with its waits for locks, may take.
  'millrace.leaf.v1.Leaf/Prepare': { deadlineMs: 'caller', idempotent: false },
  // Applying work that is done already does nothing.
  'millrace.leaf.v1.Leaf/Decide': { deadlineMs: 10 * minuteMs, idempotent: true },
  'millrace.leaf.v1.Leaf/GetStatus': { deadlineMs: 30_000, idempotent: true },
  'millrace.extractor.v1.Extractor/DescribeSource': { deadlineMs: 2 * minuteMs, idempotent: false },
};

/** UNAVAILABLE alone says that nothing was done, or that a later attempt may find somebody. */
const retryPolicy = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 3,
  retryableStatusCodes: ['UNAVAILABLE'],
};

/** The policies in the form that gRPC knows (service_config.proto). */
export const serviceConfig = JSON.stringify({
  methodConfig: Object.entries(unaryPolicies).map(([path, { deadlineMs, idempotent }]) => {
    const [service, method] = path.split('/');
    return {
      name: [{ service, method }],
      ...(deadlineMs === 'caller' ? {} : { timeout: `${deadlineMs / 1000}s` }),
      ...(idempotent ? { retryPolicy } : {}),
    };
  }),
});
