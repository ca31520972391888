import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** One metric of the catalog. Durations are recorded in seconds, sizes in bytes. */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Prometheus name, without the `millrace_` prefix. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Histogram bucket bounds. */
  readonly buckets?: readonly number[];
}

export type MetricSpecs = Readonly<Record<string, MetricSpec>>;
export type MetricLabels = Readonly<Record<string, string | number>>;

export interface MetricSample {
  readonly value: number;
  readonly labels?: MetricLabels;
}

/** A gauge that is looked up whenever the metrics are asked for. */
export type ObservedSpecs = Readonly<Record<string, MetricSpec & { readonly type: 'gauge' }>>;
export type MetricReaders<Specs extends ObservedSpecs> = {
  readonly [Name in keyof Specs]: () => readonly MetricSample[] | Promise<readonly MetricSample[]>;
};

/** Records values of declared metrics. Recording one with labels that were not declared throws: it is a bug. */
export type Metrics<Specs extends MetricSpecs> = {
  readonly [Name in keyof Specs]: (value: number, labels?: MetricLabels) => void;
};

/** The metrics of one process, exposed in Prometheus text format. */
export class MetricRegistry {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Declares metrics and returns their recorders: counters add, gauges set, histograms observe. */
  declare<const Specs extends MetricSpecs>(specs: Specs): Metrics<Specs> {
    const recorders = Object.entries(specs).map(([key, spec]) => [key, this.#recorder(spec)] as const);
    // One recorder per key of `specs`.
    return Object.fromEntries(recorders) as Metrics<Specs>;
  }

  /** Adds gauges with what reads them; one that cannot be read is left out of the answer. */
  observe<const Specs extends ObservedSpecs>(specs: Specs, readers: MetricReaders<Specs>): void {
    for (const [key, { name, help, labels = [] }] of Object.entries(specs)) {
      const read = readers[key];
      const gauge: Gauge = new Gauge({
        name: `millrace_${name}`,
        help,
        labelNames: [...labels],
        registers: [this.#registry],
        async collect() {
          // What was true at the last look may be gone; without labels a gauge that was reset would show 0.
          gauge.reset();
          if (labels.length === 0) gauge.remove();
          try {
            for (const sample of (await read?.()) ?? []) gauge.set(sample.labels ?? {}, sample.value);
          } catch {
            // A leaf that stops, a disk that is gone: the other metrics are still worth having.
          }
        },
      });
    }
  }

  #recorder(spec: MetricSpec): (value: number, labels?: MetricLabels) => void {
    const base = {
      name: `millrace_${spec.name}`,
      help: spec.help,
      labelNames: [...(spec.labels ?? [])],
      registers: [this.#registry],
    };
    switch (spec.type) {
      case 'counter': {
        const metric = new Counter(base);
        return (value, labels) => metric.inc(labels ?? {}, value);
      }
      case 'gauge': {
        const metric = new Gauge(base);
        return (value, labels) => metric.set(labels ?? {}, value);
      }
      case 'histogram': {
        const metric = new Histogram({
          ...base,
          ...(spec.buckets === undefined ? {} : { buckets: [...spec.buckets] }),
        });
        return (value, labels) => metric.observe(labels ?? {}, value);
      }
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
