import { execFile, spawnSync } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export const realKafkaVersion = '4.3.1';

/** The server with everything it needs at run time, and a binding that gives its log lines to log4j. */
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId>
  <artifactId>real-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${realKafkaVersion}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.3</version>
    </dependency>
  </dependencies>
</project>
`;

/** Kafka 4 brokers are compiled for this Java version. */
const javaVersionMin = 17;

function jarsFolder(): string {
  return (
    process.env['MILLRACE_KAFKA_LIB'] ??
    path.join(homedir(), '.cache', 'millrace', `kafka-${realKafkaVersion}`)
  );
}

async function hasJars(folder: string): Promise<boolean> {
  const jar = path.join(folder, `kafka_2.13-${realKafkaVersion}.jar`);
  return access(jar).then(
    () => true,
    () => false,
  );
}

/** Why a real Kafka cannot be started on this machine, or `undefined` if it can. */
export async function realKafkaUnavailableReason(): Promise<string | undefined> {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.error !== undefined || java.status !== 0) return 'java is not installed';
  const version = /version "(\d+)/.exec(java.stderr)?.[1];
  if (Number(version) < javaVersionMin) return `java is version ${version}, Kafka needs ${javaVersionMin}`;
  if (await hasJars(jarsFolder())) return undefined;
  const maven = spawnSync('mvn', ['--version'], { encoding: 'utf8' });
  if (maven.error !== undefined || maven.status !== 0) {
    return 'mvn is not installed, and there are no Kafka jars in its cache or in MILLRACE_KAFKA_LIB';
  }
  return undefined;
}

/**
 * The class path of a Kafka server. Its jars are fetched through Maven once and kept in `MILLRACE_KAFKA_LIB`, or else
 * in the user's cache folder.
 */
export async function realKafkaClassPath(): Promise<string> {
  const folder = jarsFolder();
  if (!(await hasJars(folder))) await fetchJars(folder);
  return path.join(folder, '*');
}

async function fetchJars(folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}-fetch-`);
  try {
    await writeFile(path.join(work, 'pom.xml'), pom);
    const goal = [
      '-q',
      '-B',
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      '-DoutputDirectory=lib',
    ];
    await promisify(execFile)('mvn', goal, { cwd: work });
    // Several test processes may fetch at once: the folder appears with all its jars, by whoever is first.
    await rm(folder, { recursive: true, force: true });
    await rename(path.join(work, 'lib'), folder).catch(async (error: unknown) => {
      if (!(await hasJars(folder))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  if ((await readdir(folder)).length === 0) throw new Error(`maven copied no jars into ${folder}`);
}
