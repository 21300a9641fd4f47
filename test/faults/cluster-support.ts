// Scenarios on three brokers: a topic with three replicas, an independent producer, ingesters as child processes, and the judgement of the
// archive at the end.
import { join } from 'node:path'
import type { Test } from 'tap'
import { runTool } from '../../src/devstack/tools.ts'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { persist } from '../../src/pipeline/retry.ts'
import { connect, eventually, produce } from '../kafka/support.ts'
import { archivedIds, registerAlerts, storeUrl } from '../modes/archive-support.ts'
import { useCluster } from '../support/kafka-cluster.ts'
import { startCli, tempDir, uniqueName, useGcs, usePython, useStack, type RunningCli } from '../support/stack.ts'
import { startLoad, type Load } from './load.ts'

const PARTITIONS = 6
const FIRST_ID = 281_334_371_292_545_025n

/** What judge.py prints. All lists of problems are empty if the archive is right. */
export interface Verdict {
  /** Number of records in the topics. */
  readonly records: number
  /** Number of records below the committed offsets. */
  readonly checked: number
  readonly behind: number
  readonly objects: number
  readonly deadLetters: number
  readonly acknowledged: number
  readonly problems: Readonly<Record<string, readonly string[]>>
}

const noProblems = { missing: [], different: [], ahead: [], damaged: [], strangers: [], letters: [], lost: [] }

/** Starts three brokers for a test file. Each scenario has its own topics, group and store. */
export async function useFaultCluster (t: Test) {
  const { registry } = await useStack(t)
  const [cluster, python, alerts] = await Promise.all([useCluster(t), usePython(t), registerAlerts(registry)])
  const connection = await connect(cluster.brokers)
  const admin = new KafkaAdmin(connection, { probeMs: 5000 })
  t.teardown(async () => { await admin.close() })
  return { registry, cluster, python, alerts, connection, admin }
}
export type FaultCluster = Awaited<ReturnType<typeof useFaultCluster>>

export interface ScenarioOptions {
  readonly store?: 'file' | 'gs'
  /** Replicas and settings of the topic. Default: three replicas and the settings of the brokers. */
  readonly replicas?: number
  readonly configs?: Readonly<Record<string, string>>
  readonly partitions?: number
  /** Flags of every ingester. */
  readonly flags?: readonly string[]
}

export async function scenario (t: Test, on: FaultCluster, options: ScenarioOptions = {}) {
  const { registry, cluster, python, alerts, connection, admin } = on
  const { store = 'file', replicas = 3, configs = {}, partitions = PARTITIONS, flags = [] } = options
  const folder = await tempDir(t)
  const root = join(folder, 'store')
  const gcs = store === 'gs' ? await useGcs(t) : undefined
  const url = gcs === undefined ? storeUrl(root) : `gs://${await gcs.bucket()}`
  const [topic, group, dead] = [uniqueName('ingest'), uniqueName('g'), uniqueName('dead')]
  const journal = join(folder, 'journal')
  await persist(() => admin.createTopic(topic, { partitions, replicas, configs }), untilDone)
  await persist(() => admin.createTopic(dead, { partitions: 2, replicas: 3 }), untilDone)
  let load: Load | undefined

  /** Committed offsets by partition. Undefined while the coordinator is away. */
  const commits = async () => await admin.committed(group, topic, partitions).catch(() => undefined)

  /** Sum of the committed offsets. While the coordinator is away, the last known sum. */
  let known = 0
  async function committed (): Promise<number> {
    const offsets = await commits()
    if (offsets !== undefined) known = Number(offsets.reduce((sum: bigint, offset) => sum + (offset ?? 0n), 0n))
    return known
  }

  async function judge (): Promise<Verdict> {
    const config = {
      brokers: cluster.brokers, group, topics: [topic], deadLetters: dead, store: url, emulator: gcs?.url,
      ...load === undefined ? {} : { journal }
    }
    const script = join(import.meta.dirname, 'judge.py')
    const { code, stdout, stderr } = await runTool(python, [script], { env: process.env, input: JSON.stringify(config) })
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as Verdict
  }

  return {
    topic, group, dead, root, commits,
    /** Starts an ingester. */
    start: (...more: string[]): RunningCli => startCli(t, [
      'ingest', '--broker', cluster.brokers, '--schema-registry-url', registry, '--topic', topic, '--group', group,
      '--dead-letter-topic', dead, '--alert-store', url, '--commit-interval', '20', ...flags, ...more
    ], { env: { STORAGE_EMULATOR_HOST: gcs?.url } }),
    /** Starts the independent producer. */
    startLoad: (rate: number): Load => {
      const { schemaId } = alerts
      load = startLoad(t, { python, brokers: cluster.brokers, topic, registry, schemaId, firstId: FIRST_ID, rate, journal })
      return load
    },
    /** Publishes records with the project's own sink. If a broker fails, the batch is sent again, so records may be in the topic twice. */
    publish: async (records: readonly OutgoingRecord[]): Promise<void> => {
      await persist(() => produce(connection, topic, records), untilDone)
    },
    archived: async (): Promise<number> => (await archivedIds(root)).length,
    /** Waits until this many more offsets are committed. */
    commitMore: async (count: number): Promise<void> => {
      const enough = await committed() + count
      await eventually(async () => await committed() >= enough)
    },
    /** Waits until every offset of the topic is committed. */
    settled: async (): Promise<void> => {
      await eventually(() => admin.groupLag(group, [topic]).then(lag => lag.get(topic) === 0n, () => false))
    },
    /** Checks the whole archive: every record is archived, every offset is committed, and nothing is in the archive that nobody sent. */
    assertComplete: async (t: Test): Promise<Verdict> => {
      const verdict = await judge()
      t.strictSame(verdict.problems, noProblems)
      t.match(verdict, { behind: 0, deadLetters: 0 })
      t.ok(verdict.records > 0 && verdict.checked === verdict.records, `${verdict.checked} of ${verdict.records} records are checked`)
      return verdict
    },
    /** Checks what must hold at every moment: no offset past a record that is not archived. */
    assertSound: async (t: Test): Promise<Verdict> => {
      const verdict = await judge()
      t.strictSame(verdict.problems, noProblems)
      return verdict
    }
  }
}
export type Scenario = Awaited<ReturnType<typeof scenario>>

const untilDone = { attempts: Infinity, baseMs: 100, maxMs: 500, retryable: () => true }

/** Stops ingesters with SIGTERM. Each must end with exit code 0. */
export async function stopAll (t: Test, ...ingesters: readonly RunningCli[]): Promise<void> {
  for (const { code, stderr } of await Promise.all(ingesters.map(async ingester => await ingester.stop('SIGTERM')))) {
    t.equal(code, 0, stderr.slice(-2000))
  }
}
