// A Kafka cluster of three brokers in separate processes. Each broker can be stopped, killed, frozen and started again on its own; it keeps
// its data folder and its ports. Topics with three replicas accept writes with acks=all while two replicas are in sync.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePorts, startKafka, type KafkaServer } from '../../src/devstack/index.ts'
import { persist } from '../../src/pipeline/retry.ts'
import { errorCode } from '../../src/pipeline/errors.ts'
import { ClusterAdmin } from './cluster-admin.ts'
import { cache, endWithThisProcess, tempDir } from './stack.ts'

const BROKERS = 3

interface ClusterBroker {
  /** Node id: 1, 2 or 3. */
  readonly id: number
  /** `127.0.0.1:PORT` */
  readonly address: string
  /** Process id of the latest start. */
  readonly pid: number
  /** Stops the broker with SIGTERM. The broker first hands over the partitions that it leads. */
  stop (): Promise<void>
  /** Kills the broker with SIGKILL. */
  kill (): Promise<void>
  /** Freezes the broker with SIGSTOP. Its connections stay open. */
  freeze (): void
  /** Lets a frozen broker continue. */
  resume (): void
  /** Starts a stopped or killed broker again, and waits until the cluster has registered it. */
  start (): Promise<void>
}

export interface KafkaCluster {
  /** Addresses of all brokers, comma-separated, for `--broker`. */
  readonly brokers: string
  readonly admin: ClusterAdmin
  readonly all: readonly ClusterBroker[]
  /** The broker with this node id. */
  broker (id: number): ClusterBroker
}

/** Starts a cluster for one test file or test. In teardown, its brokers are killed. */
export async function useCluster (t: Test, config: Readonly<Record<string, string>> = {}): Promise<KafkaCluster> {
  const folder = await tempDir(t)
  const servers = await startAll(folder, config)
  const all = servers.map(({ server, start }, index): ClusterBroker => {
    let running = server
    endWithThisProcess(running)
    return {
      id: index + 1,
      address: server.broker,
      get pid () { return running.pid },
      stop: async () => { await running.stop() },
      kill: async () => { await running.kill() },
      freeze: () => { process.kill(running.pid, 'SIGSTOP') },
      resume: () => { process.kill(running.pid, 'SIGCONT') },
      start: async () => {
        running = await start()
        endWithThisProcess(running)
      }
    }
  })
  const admin = new ClusterAdmin(all.map(({ address }) => address))
  t.teardown(async () => {
    await admin.close()
    await Promise.all(all.map(async broker => { await broker.kill() }))
  })
  await admin.coordinator('any')
  return { brokers: all.map(({ address }) => address).join(','), admin, all, broker: id => all[id - 1]! }
}

interface Started {
  readonly server: KafkaServer
  readonly start: () => Promise<KafkaServer>
}

// Another program may take one of the ports before its broker does. The cluster then starts on other ports.
async function startAll (folder: string, config: Readonly<Record<string, string>>): Promise<Started[]> {
  const id = clusterId()
  return await persist(async () => {
    const ports = await freePorts(2 * BROKERS)
    const controllers = ports.slice(BROKERS)
    const starts = ports.slice(0, BROKERS).map((port, index) => async () => await startKafka({
      ...cache(), dataDir: join(folder, `broker-${index + 1}`), port, config, cluster: { id, node: index + 1, controllers }
    }))
    const started = await Promise.allSettled(starts.map(async start => await start()))
    const failed = started.find(result => result.status === 'rejected')
    if (failed !== undefined) {
      await Promise.all(started.map(async result => { if (result.status === 'fulfilled') await result.value.kill() }))
      throw failed.reason
    }
    return started.map((result, index) => ({
      server: (result as PromiseFulfilledResult<KafkaServer>).value,
      // While a broker is down, a client that tries to reach it may connect to itself and so hold the port for a moment.
      start: async () => await persist(starts[index]!, whilePortTaken)
    }))
  }, whilePortTaken)
}

const whilePortTaken = {
  attempts: 5, baseMs: 200, maxMs: 2000, retryable: (error: unknown) => errorCode(error) === 'DEVSTACK_PORT_IN_USE'
}

// Kafka's tool takes an id with a leading dash for an option. The first character of this id is at most `f`.
function clusterId (): string {
  const bytes = randomBytes(16)
  bytes[0]! &= 0x7f
  return bytes.toString('base64url')
}
