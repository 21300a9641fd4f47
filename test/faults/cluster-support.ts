// Scenarios on three brokers: a topic with three replicas, an independent producer, ingesters as child processes, and the judgement of the
// archive at the end.
import { createHash } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { persist } from '../../src/pipeline/retry.ts'
import { connect, eventually, produce } from '../kafka/support.ts'
import { joinedBy, registerAlerts, storeUrl, whileRunning } from '../modes/archive-support.ts'
import { useCluster } from '../support/kafka-cluster.ts'
import { runCli, startCli, tempDir, uniqueName, useGcs, usePython, useS3, useStack, type RunningCli } from '../support/stack.ts'
import { judge, noProblems, type Verdict } from './judge.ts'
import { startLoad, type Load } from './load.ts'

const PARTITIONS = 6
const FIRST_ID = 281_334_371_292_545_025n

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

type StoreKind = 'file' | 'gs' | 's3'

export interface ScenarioOptions {
  readonly store?: StoreKind
  /** Replicas and settings of the topic. Default: three replicas and the settings of the brokers. */
  readonly replicas?: number
  readonly configs?: Readonly<Record<string, string>>
  readonly partitions?: number
  /** Flags of every ingester. */
  readonly flags?: readonly string[]
}

interface Store {
  readonly url: string
  /** URL of the storage server, for buckets. */
  readonly server?: string
  /** Environment of programs that use the store. */
  readonly env: Readonly<Record<string, string>>
}

async function newStore (t: Test, kind: StoreKind, root: string): Promise<Store> {
  switch (kind) {
    case 'file': return { url: storeUrl(root), env: {} }
    case 'gs': {
      const { url: server, bucket } = await useGcs(t)
      return { url: `gs://${await bucket()}`, server, env: { STORAGE_EMULATOR_HOST: server } }
    }
    case 's3': {
      const { url: server, bucket, env } = await useS3(t)
      return { url: `s3://${await bucket()}`, server, env: { ...env, ALERT_STREAM_S3_ENDPOINT_URL: server } }
    }
  }
}

export async function scenario (t: Test, on: FaultCluster, options: ScenarioOptions = {}) {
  const { registry, cluster, python, alerts, connection, admin } = on
  const { store = 'file', replicas = 3, configs = {}, partitions = PARTITIONS, flags = [] } = options
  const folder = await tempDir(t)
  const root = join(folder, 'store')
  const { url, server, env } = await newStore(t, store, root)
  const [topic, group, dead] = [uniqueName('ingest'), uniqueName('g'), uniqueName('dead')]
  // What has been sent, by the project's own sink and by the independent producer.
  const journals = [join(folder, 'published'), join(folder, 'load')] as const
  await Promise.all(journals.map(async path => { await appendFile(path, '') }))
  await persist(() => admin.createTopic(topic, { partitions, replicas, configs }), untilDone)
  await persist(() => admin.createTopic(dead, { partitions: 2, replicas: 3 }), untilDone)

  /** Committed offsets by partition. Undefined while the coordinator is unavailable. */
  const commits = async () => await admin.committed(group, topic, partitions).catch(() => undefined)

  /** Sum of the committed offsets. While the coordinator is unavailable, the last known sum. */
  let known = 0
  async function committed (): Promise<number> {
    const offsets = await commits()
    if (offsets !== undefined) known = Number(offsets.reduce((sum: bigint, offset) => sum + (offset ?? 0n), 0n))
    return known
  }

  async function verdict (): Promise<Verdict> {
    return await judge(python, {
      brokers: cluster.brokers, group, topics: [topic], deadLetters: dead, store: url, server, journals
    })
  }

  const ingestFlags = [
    '--broker', cluster.brokers, '--schema-registry-url', registry, '--topic', topic, '--group', group, '--dead-letter-topic', dead,
    '--alert-store', url
  ]

  return {
    topic, group, root, commits,
    /** Starts an ingester. */
    start: (...more: string[]): RunningCli =>
      startCli(t, ['ingest', ...ingestFlags, '--commit-interval', '20', ...flags, ...more], { env }),
    /** Starts the independent producer. */
    startLoad: (): Load => {
      const [, journal] = journals
      const { schemaId } = alerts
      return startLoad(t, { python, brokers: cluster.brokers, topic, registry, schemaId, firstId: FIRST_ID, journal })
    },
    /** Publishes records with the project's own sink. If a broker fails, the batch is sent again, so records may be in the topic twice. */
    publish: async (records: readonly OutgoingRecord[]): Promise<void> => {
      const sent = records.map(({ key, value }) => `sent ${String(key)} ${createHash('sha256').update(value!).digest('hex')}\n`)
      await appendFile(journals[0], sent.join(''))
      await persist(() => produce(connection, topic, records), untilDone)
    },
    /** Waits until these are the in-sync replicas of a partition. */
    isrIs: async (partition: number, ids: readonly number[]): Promise<void> => {
      await eventually(async () => String((await cluster.admin.partition(topic, partition)).isr) === String(ids))
    },
    leaderIs: async (partition: number, id: number): Promise<void> => {
      await eventually(async () => (await cluster.admin.partition(topic, partition)).leader === id)
    },
    /** Waits until this many more offsets are committed. With a load, sends this many alerts. */
    commitMore: async (count: number, load?: Load): Promise<void> => {
      const enough = await committed() + count
      void load?.send(count)
      await eventually(async () => await committed() >= enough)
    },
    /** Waits until every offset of the topic is committed. */
    settled: async (): Promise<void> => {
      await eventually(() => admin.groupLag(group, [topic]).then(lag => lag.get(topic) === 0n, () => false))
    },
    /** Checks the whole archive: every record is archived, every offset is committed, and nothing is in the archive that nobody sent. */
    assertComplete: async (t: Test): Promise<Verdict> => {
      const found = await verdict()
      t.strictSame(found.problems, noProblems)
      t.match(found, { behind: 0, deadLetters: 0 })
      const verified = await runCli(['verify', ...ingestFlags], { env })
      t.equal(verified.code, 0, `alert-stream verify agrees: ${verified.stdout}${verified.stderr.slice(-2000)}`)
      t.ok(found.records > 0 && found.checked === found.records, `${found.checked} of ${found.records} records are checked`)
      return found
    },
    /** Checks what must hold at every moment: no offset past a record that is not archived. */
    assertSound: async (t: Test): Promise<Verdict> => {
      const found = await verdict()
      t.strictSame(found.problems, noProblems)
      return found
    }
  }
}
export type Scenario = Awaited<ReturnType<typeof scenario>>

const untilDone = { attempts: Infinity, baseMs: 100, maxMs: 500, retryable: () => true }

/** Stops ingesters with SIGTERM once they have joined, because a signal kills a program that is still loading. Each must exit with 0. */
export async function stopAll (t: Test, ...ingesters: readonly RunningCli[]): Promise<void> {
  await Promise.all(ingesters.map(ingester => whileRunning(ingester, () => joinedBy(ingester) !== undefined)))
  for (const { code, stderr } of await Promise.all(ingesters.map(async ingester => await ingester.stop('SIGTERM')))) {
    t.equal(code, 0, stderr.slice(-2000))
  }
}

/** Waits until every offset of the topic is committed, stops the ingesters, and checks the whole archive. */
export async function finish (t: Test, at: Scenario, ...ingesters: readonly RunningCli[]): Promise<Verdict> {
  await at.settled()
  await stopAll(t, ...ingesters)
  return await at.assertComplete(t)
}
