// Nights that `ingest` and `index` have written to one store, for tests of verify --night, and the independent judge.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { runTool } from '../../src/devstack/tools.ts'
import { decodeId } from '../../src/ids/packed-id.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { surveyRecords } from '../alert-index/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { joinedBy, whileRunning } from '../modes/archive-support.ts'
import { bucketObjects, fileObjects } from '../modes/store-objects.ts'
import { runMode } from '../support/in-process.ts'
import { startCli, tempDir, uniqueName, type TestGcs, type TestStack } from '../support/stack.ts'

interface Problem {
  readonly problem: string
  readonly object: string
  readonly alertId?: string
  readonly key?: string
  readonly reason: string
}

export interface Report {
  readonly problems: readonly Problem[]
  readonly rejected: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly gaps: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly [field: string]: unknown
}

export const idOf = ({ key }: OutgoingRecord): string => key!.toString()

interface Servers extends Pick<TestStack, 'kafka' | 'registry'> {
  readonly gcs: TestGcs
}

/** An archive and an index of 80 alerts of one night in one store. */
export async function newNight (t: Test, { kafka, registry, gcs }: Servers, kind: 'file' | 'gs' = 'file') {
  const environment = { STORAGE_EMULATOR_HOST: gcs.url }
  const connection = await connect(kafka)
  const admin = adminFor(t, connection)
  const objects = kind === 'file' ? await fileObjects(t) : await bucketObjects(gcs)
  const topic = uniqueName('night')
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const group = uniqueName('g')
  const source = ['--broker', kafka, '--topic', topic, '--schema-registry-url', registry]
  const stores = ['--alert-store', objects.url]

  /** Publishes, archives and indexes the records. */
  const send = async (records: readonly OutgoingRecord[]): Promise<void> => {
    await produce(connection, topic, records)
    const ingested = await runMode(['ingest', ...source, ...stores, '--group', group, '--dead-letter-topic', `${topic}-dead`,
      '--limit', String(records.length)], environment)
    if (ingested.code !== 0) throw new Error(ingested.stderr)
    const flags = ['--group', `${group}-index`, '--index-store', objects.url, '--segment-rows', '15', '--segment-seconds', '0.3']
    const index = startCli(t, ['index', ...source, ...flags], { env: environment })
    const lag = async () => (await admin.groupLag(`${group}-index`, [topic])).get(topic)
    await whileRunning(index, async () => joinedBy(index) !== undefined && await lag() === 0n)
    const { code, stderr } = await index.stop('SIGTERM')
    if (code !== 0) throw new Error(stderr)
  }

  const records = (await Promise.all([0, 1].map(visit => surveyRecords(registry, 40, { visit, partitions: 2 })))).flat()
  await send(records)
  const ids = records.map(idOf)
  const night = decodeId(BigInt(ids[0]!))!.night
  const work = await tempDir(t)
  const verify = async (...more: string[]) => {
    const args = ['verify', '--night', night, ...stores, '--index-store', objects.url, '--work-dir', work, ...more]
    const { code, stdout, stderr } = await runMode(args, environment)
    return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) as Report }
  }
  const compact = async () => {
    const { code, stderr } = await runMode(['compact', '--night', night, '--index-store', objects.url, '--work-dir', work], environment)
    if (code !== 0) throw new Error(stderr)
  }
  const segments = async (): Promise<string[]> => (await objects.keys()).filter(key => key.startsWith(`index/v1/segments/${night}/`)).sort()
  return { objects, night, ids, records, send, verify, compact, segments, stores: [...stores, '--index-store', objects.url], work }
}
type Night = Awaited<ReturnType<typeof newNight>>

async function runJudge (python: string, input: object): Promise<string> {
  const script = join(import.meta.dirname, 'night_judge.py')
  const { code, stdout, stderr } = await runTool(python, [script], { env: process.env, input: JSON.stringify(input) })
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** See night_judge.py. */
interface Verdict extends Readonly<Record<'archived' | 'rows' | 'frames' | 'verified', number>> {
  readonly [list: string]: unknown
}

/** Judges a copy of all objects in a folder. */
export async function judge (t: Test, python: string, { objects, night, ids }: Night): Promise<Verdict> {
  const root = await tempDir(t)
  for (const key of await objects.keys()) {
    await mkdir(dirname(join(root, key)), { recursive: true })
    await writeFile(join(root, key), await objects.read(key))
  }
  return JSON.parse(await runJudge(python, { root, night, day: Number((BigInt(ids[0]!) >> 42n) & 0x3fffn) })) as Verdict
}

/** Rewrites every segment with pyarrow, without the row of one alert and with two rows of another one. */
export async function editSegments (
  t: Test, python: string, { objects, night, segments }: Night, changes: { readonly drop?: string, readonly repeat?: string }
): Promise<void> {
  const root = await tempDir(t)
  for (const key of await segments()) {
    await writeFile(join(root, 'segment.parquet'), await objects.read(key))
    await runJudge(python, { root, night, edit: { key: 'segment.parquet', ...changes } })
    await objects.write(key, await readFile(join(root, 'segment.parquet')))
  }
}

