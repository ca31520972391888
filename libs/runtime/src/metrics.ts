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
