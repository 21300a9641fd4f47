// Helpers for tests of the index: survey alerts on a real Kafka, the command line of the indexer, and the independent judge.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { runTool } from '../../src/devstack/tools.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { generatorOf, surveySchema } from '../generator/support.ts'
import { tempDir, uniqueName } from '../support/stack.ts'

export interface IndexTarget {
  readonly kafka: string
  readonly registry: string
  readonly topic: string
  readonly group: string
  /** Folder of the index store. */
  readonly root: string
}

export async function newIndex (t: Test, servers: Pick<IndexTarget, 'kafka' | 'registry'>): Promise<IndexTarget> {
  return { ...servers, topic: uniqueName('indexed'), group: uniqueName('g'), root: join(await tempDir(t), 'index') }
}

/** The command line of an indexer with these settings. */
export function indexArgs ({ kafka, registry, topic, group, root }: IndexTarget, ...more: string[]): string[] {
  return [
    'index', '--broker', kafka, '--schema-registry-url', registry, '--topic', topic, '--group', group,
    '--index-store', pathToFileURL(root).href, ...more
  ]
}

interface SurveyOptions {
  readonly version?: string
  readonly visit?: number
  readonly partitions?: number
  readonly images?: boolean
}

/** Generated alerts of a schema version as records, spread over partitions. The images are left out, unless `images` is set. */
export async function surveyRecords (
  registry: string, count: number, { version = '11.1', visit = 0, partitions = 1, images = false }: SurveyOptions = {}
): Promise<OutgoingRecord[]> {
  const schema = await surveySchema(version)
  const { id } = await createRegistryClient({ url: registry }).register(uniqueName('alert'), schema.text)
  const generator = await generatorOf(version)
  const noImages = images ? {} : { cutoutDifference: null, cutoutScience: null, cutoutTemplate: null }
  // The retention of the topic deletes older records.
  const now = BigInt(Date.now())
  return Array.from({ length: count }, (_, index) => {
    const alert = { ...generator.alert(visit, index, count), ...noImages }
    return {
      key: Buffer.from(String(Object.values(alert)[0])), value: schema.encodeFramed(id, alert), headers: [], partition: index % partitions,
      timestamp: now + BigInt(index)
    }
  })
}

/** See judge.py. */
export interface IndexVerdict {
  readonly records: number
  readonly alerts: number
  readonly rows: number
  /** Number of rows that readers show: one for each id and frame. */
  readonly shown: number
  readonly segments: number
  /** Number of records at or above the committed offsets. */
  readonly behind: number
  readonly rejected: readonly string[]
  readonly nights: readonly string[]
  readonly bytes: number
  readonly problems: readonly string[]
}

/** `committedOnly` false: every record of the topic must be in the index. `ranges` false: no range need cover a row. */
export async function judgeIndex (
  python: string, at: IndexTarget, options: { readonly committedOnly?: boolean, readonly ranges?: boolean } = {}
): Promise<IndexVerdict> {
  const input = JSON.stringify({ brokers: at.kafka, topic: at.topic, group: at.group, registry: at.registry, index: at.root, ...options })
  const { code, stdout, stderr } = await runTool(python, [join(import.meta.dirname, 'judge.py')], { env: process.env, input })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as IndexVerdict
}
