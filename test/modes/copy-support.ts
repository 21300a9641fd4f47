// Archives for tests of copy: folders and buckets, filled and damaged behind the back of the program.
import { join } from 'node:path'
import type { Test } from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { encodeId } from '../../src/ids/packed-id.ts'
import type { ArchivedRecord } from '../../src/provenance/provenance.ts'
import { withProvenance } from '../../src/provenance/provenance.ts'
import { checksumsOf, gzipFrame, openStore, type ObjectStore } from '../../src/stores/index.ts'
import { runMode } from '../support/in-process.ts'
import { tempDir } from '../support/stack.ts'
import { storeUrl } from './archive-support.ts'

export const schemaText = '{"type":"record","name":"alert","doc":"of the tests","fields":[{"name":"diaSourceId","type":"long"},' +
  '{"name":"note","type":"string"}]}'
const schema = parseSchema(schemaText)
export const schemaId = 1101

/** Ids of a night, spread over two visits and several detectors, with the tags 2 and 4. */
export function idsOf (night: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(encodeId({
    tag: n % 5 === 4 ? 4 : 2, night, sequence: 100 + n % 2, detector: (n * 7) % 189, counter: n
  })))
}

export function frameOf (id: string, note = `alert ${id} `.repeat(40)): Buffer {
  return schema.encodeFramed(schemaId, { diaSourceId: BigInt(id), note })
}

/** The object of an alert with provenance, as the ingester stores it. @param stated SHA-256 in the provenance */
export async function objectOf (frame: Buffer, offset = 0n, stated = checksumsOf(frame).sha256): Promise<Buffer> {
  const record: ArchivedRecord = {
    topic: 'alerts', partition: 1, offset, leaderEpoch: 0, timestamp: 1_771_900_000_000n, key: null, headers: []
  }
  return withProvenance(await gzipFrame(frame), { sha256: stated, frameBytes: frame.length, archivedAt: 1 }, record).object
}

export const metaOf = (content: Buffer, contentType = 'application/gzip') => ({ contentType, ...checksumsOf(content) })

export async function folder (t: Test): Promise<{ readonly root: string, readonly url: string, readonly store: ObjectStore }> {
  const root = join(await tempDir(t), 'archive')
  return { root, url: storeUrl(root), store: await openStore(storeUrl(root)) }
}

/** All objects of a store, by key. */
export async function objectsIn (store: ObjectStore): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  for await (const key of store.list('')) found.set(key, (await store.get(key))!.body)
  return found
}

interface Report {
  readonly problems: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly [field: string]: unknown
}

export async function copy (args: readonly string[], environment: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runMode(['copy', ...args], environment)
  return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) as Report }
}
