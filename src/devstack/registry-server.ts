// A schema registry (Apicurio, with its Confluent-compatible API) on a loopback port, for the demo and the tests.
// Schemas and their ids are kept in the data folder and survive restarts.
import { join } from 'node:path'
import { silent, type Logger } from '../pipeline/log.ts'
import { launchOn, type ServerOptions } from './launch.ts'
import { LOOPBACK } from './ports.ts'
import { requireJava } from './prerequisites.ts'
import { ensureRegistry, REGISTRY_VERSION } from './server-downloads.ts'
import { startServer, type RunningServer } from './server-process.ts'

export interface RegistryServer extends RunningServer {
  /** Base URL of the Confluent API, without a trailing slash: `http://127.0.0.1:PORT/apis/ccompat/v7` */
  readonly url: string
  readonly dataDir: string
}

const NAME = 'the schema registry'

/** Starts the registry on `dataDir` and waits until it is ready. Errors: those of `startKafka`. */
export async function startRegistry (options: ServerOptions): Promise<RegistryServer> {
  const { dataDir, env, log = silent } = options
  const java = await requireJava(env)
  const home = await ensureRegistry(options)
  return await launchOn({ name: NAME, dataDir, port: options.port, log }, async port => await launch(options, port, java, home, log))
}

async function launch ({ dataDir, env }: ServerOptions, port: number, java: string, home: string, log: Logger): Promise<RegistryServer> {
  const url = `http://${LOOPBACK}:${port}/apis/ccompat/v7`
  const server = await startServer({
    name: NAME,
    program: java,
    args: [
      '-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
      `-Dquarkus.http.host=${LOOPBACK}`, `-Dquarkus.http.port=${port}`,
      '-Dquarkus.banner.enabled=false', '-Dquarkus.log.level=WARN',
      // With H2's default write delay, SIGKILL would lose the schemas of the last 0.5 s and their ids.
      `-Dquarkus.datasource.jdbc.url=jdbc:h2:file:${join(dataDir, 'registry')};WRITE_DELAY=0`,
      '-jar', join(home, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`)
    ],
    env,
    cwd: dataDir,
    dataDir,
    logFile: join(dataDir, 'registry.log'),
    ready: async signal => {
      const response = await fetch(`${url}/subjects`, { signal })
      await response.body?.cancel()
      return response.ok
    },
    readyMs: 90_000,
    log
  })
  return { ...server, url, dataDir }
}
