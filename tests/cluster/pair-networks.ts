import { getContainerRuntimeClient, Network, type StartedNetwork } from 'testcontainers';

export type Pair = readonly [one: string, other: string];

/**
 * A network of its own for every two services that talk, so that any two can be separated while both still reach all
 * others.
 */
export class PairNetworks implements AsyncDisposable {
  readonly #networks: ReadonlyMap<string, StartedNetwork>;

  private constructor(networks: ReadonlyMap<string, StartedNetwork>) {
    this.#networks = networks;
  }

  static async start(pairs: readonly Pair[]): Promise<PairNetworks> {
    const networks = new Map<string, StartedNetwork>();
    for (const pair of pairs) networks.set(keyOf(pair), await new Network().start());
    return new PairNetworks(networks);
  }

  /** Ids of the networks of one service. */
  of(name: string): string[] {
    return [...this.#networks].flatMap(([key, network]) =>
      key.split('~').includes(name) ? [network.getId()] : [],
    );
  }

  /** Takes the first of the two, whose container is given, off their network. */
  async disconnect(pair: Pair, containerId: string): Promise<void> {
    const network = await this.#network(pair);
    await network.disconnect({ Container: containerId, Force: true });
  }

  async connect(pair: Pair, containerId: string): Promise<void> {
    const network = await this.#network(pair);
    await network.connect({ Container: containerId, EndpointConfig: { Aliases: [pair[0]] } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const network of this.#networks.values()) await network.stop();
  }

  async #network(pair: Pair) {
    const started = this.#networks.get(keyOf(pair));
    if (started === undefined) throw new Error(`${pair.join(' and ')} have no network`);
    return (await getContainerRuntimeClient()).network.getById(started.getId());
  }
}

function keyOf(pair: Pair): string {
  return [...pair].sort().join('~');
}
