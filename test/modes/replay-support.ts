// Helpers for tests of replay: alerts of one night with varied records, archived by the real ingester, and the independent judge.
import { join } from 'node:path'
import type { Test } from 'tap'
import { runTool } from '../../src/devstack/tools.ts'
import { encodeId } from '../../src/ids/packed-id.ts'
import type { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import type { KafkaHeader, OutgoingRecord } from '../../src/kafka/record.ts'
import { produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, uniqueName } from '../support/stack.ts'
import { ingestArgs, newTarget, storeUrl, type IngestTarget, type RegisteredAlerts } from './archive-support.ts'

export const night = '20260224'
const partitions = 3

const varied: readonly (readonly KafkaHeader[])[] = [
  [],
  [[Buffer.from('trace'), Buffer.from([0, 1, 255])], [Buffer.from('trace'), null], [Buffer.from('empty'), Buffer.alloc(0)]],
  [[Buffer.from('name é'), Buffer.from('x'.repeat(300))]]
]

/** The id of an alert of the night: 500 alerts per visit, from visit 100 on. */
export function idOfNight (index: number): bigint {
  return encodeId({ tag: 2, night, sequence: 100 + Math.floor(index / 500), detector: index % 189, counter: index })
}

/** Records of the night with varied keys and headers. Their timestamps are in no order of partitions or offsets, and some are equal. */
export function nightRecords (alerts: RegisteredAlerts, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index): OutgoingRecord => {
    const id = idOfNight(index)
    return {
      ...alerts.record(id, index % partitions),
      key: index % 17 === 0 ? [null, Buffer.alloc(0), Buffer.from([255, 0])][index % 3]! : Buffer.from(`key ${id}`),
      headers: varied[index % varied.length]!,
      timestamp: 1_772_000_000_000n + BigInt(index * 7919 % 1500)
    }
  })
}

export interface ReplayTarget extends IngestTarget {
  /** A second topic that the ingester reads. */
  readonly second: string
  /** URL of the alert store. */
  readonly store: string
}

/** A bucket as alert store. */
export interface Bucket {
  readonly store: string
  /** Flags of all modes that open the store. */
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * Produces the first two thirds of the records to one topic and the others to a second topic, and archives them with the real ingester.
 * @param bucket default: a folder
 */
export async function archived (
  t: Test, servers: Pick<IngestTarget, 'kafka' | 'registry'>, admin: KafkaAdmin, connection: KafkaConnection,
  records: readonly OutgoingRecord[], bucket?: Bucket
): Promise<ReplayTarget> {
  const first = await newTarget(t, servers)
  const second = uniqueName('second')
  const at = { ...first, second, store: bucket?.store ?? storeUrl(first.root) }
  for (const topic of [at.topic, second]) {
    await admin.createTopic(topic, { partitions, replicas: 1, configs: { 'retention.ms': '-1' } })
  }
  const middle = Math.floor(records.length * 2 / 3)
  await produce(connection, at.topic, records.slice(0, middle))
  await produce(connection, second, records.slice(middle))
  const args = ingestArgs({ ...at, topic: `${at.topic},${second}` }, '--limit', String(records.length))
    .flatMap((each, index, all) => all[index - 1] === '--alert-store' ? [at.store] : [each])
  // The clients of some buckets read the environment of the process.
  const ingested = bucket === undefined ? await runMode(args) : await runCli([...args, ...bucket.flags], { env: bucket.env })
  if (ingested.code !== 0) throw new Error(`${ingested.stdout}${ingested.stderr}`)
  return at
}

export interface ReplayVerdict {
  readonly original: number
  readonly replayed: number
  /** Number of replayed records that repeat an earlier one. */
  readonly repeated: number
  /** Number of original records that were not replayed. */
  readonly missing: number
  readonly problems: readonly string[]
}

/** Compares the replayed topic with the original topics: see replay_judge.py. */
export async function judgeReplay (
  python: string, at: Pick<ReplayTarget, 'kafka' | 'topic' | 'second'>, replayed: string, options: Readonly<Record<string, unknown>> = {}
): Promise<ReplayVerdict> {
  const input = JSON.stringify({ brokers: at.kafka, originals: [at.topic, at.second], replayed, ...options })
  const { code, stdout, stderr } = await runTool(python, [join(import.meta.dirname, 'replay_judge.py')], { env: process.env, input })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as ReplayVerdict
}

/** The command line of a replay of the night. */
export function replayArgs ({ kafka, store }: Pick<ReplayTarget, 'kafka' | 'store'>, topic: string, ...more: string[]): string[] {
  return ['replay', '--broker', kafka, '--alert-store', store, '--dst-topic', topic, ...more]
}
