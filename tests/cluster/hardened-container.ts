import { GenericContainer, getContainerRuntimeClient } from 'testcontainers';

export interface ContainerSettings {
  /** Host name in its networks. */
  readonly name: string;
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Ids of its networks. */
  readonly networks: readonly string[];
  /** Ports of the container by the port of 127.0.0.1 that leads there. */
  readonly published?: Readonly<Record<number, number>>;
  /** Folders of this machine by the place where the container reads them. */
  readonly mounts?: Readonly<Record<string, string>>;
  readonly memoryMb?: number;
  readonly sharedMemoryMb?: number;
  /** For images that write beside their data. */
  readonly writable?: boolean;
  /** Part of the line of output that says that the service is ready. */
  readonly readyLine: string;
}

const bytesPerMb = 1024 * 1024;

/**
 * A container with the bounds that docker/compose.yaml sets: nothing writable but volumes and /tmp, no capabilities, and
 * started again when its process ends by itself. Published ports stay the same over restarts, and are on loopback only.
 */
export class HardenedContainer extends GenericContainer {
  readonly #name: string;
  readonly #networks: readonly string[];

  constructor(settings: ContainerSettings) {
    super(settings.image);
    const { name, environment, networks, published = {}, mounts = {} } = settings;
    this.#name = name;
    this.#networks = networks;
    this.withHostname(name).withLabels({ 'org.millrace.service': name });
    if (environment !== undefined) this.withEnvironment({ ...environment });
    this.withBindMounts(
      Object.entries(mounts).map(([target, source]) => ({ source, target, mode: 'ro' as const })),
    );
    const ports = Object.entries(published).map(([host, container]) => ({ host: Number(host), container }));
    this.withExposedPorts(...ports);
    this.withDroppedCapabilities('ALL')
      .withSecurityOpt('no-new-privileges:true')
      .withTmpFs({ '/tmp': 'mode=1777' });
    this.hostConfig = {
      ...this.hostConfig,
      ReadonlyRootfs: settings.writable !== true,
      RestartPolicy: { Name: 'unless-stopped' },
      PortBindings: Object.fromEntries(
        ports.map(({ host, container }) => [
          `${container}/tcp`,
          [{ HostIp: '127.0.0.1', HostPort: String(host) }],
        ]),
      ),
      ...(settings.memoryMb === undefined ? {} : limitMemory(settings.memoryMb)),
      ...(settings.sharedMemoryMb === undefined ? {} : { ShmSize: settings.sharedMemoryMb * bytesPerMb }),
    };
  }

  protected override async containerCreated(containerId: string): Promise<void> {
    const client = await getContainerRuntimeClient();
    for (const network of this.#networks) {
      await client.container.connectToNetwork(
        client.container.getById(containerId),
        client.network.getById(network),
        [this.#name],
      );
    }
  }
}

/** Without swap, which would only make the end slower. */
export function limitMemory(megabytes: number): { Memory: number; MemorySwap: number } {
  return { Memory: megabytes * bytesPerMb, MemorySwap: megabytes * bytesPerMb };
}
