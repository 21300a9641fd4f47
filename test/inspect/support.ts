// A file archive with one alert, for tests of `inspect`.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { parseSchema } from '../../src/avro/schema.ts'
import { openCompressor } from '../../src/compression/open-compressor.ts'
import { silent } from '../../src/pipeline/index.ts'
import { archiveSink, type ArchivableAlert } from '../../src/sinks/archive.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { textHeader } from '../../src/kafka/record.ts'
import { tempDir } from '../support/stack.ts'

export const schemaId = 1101
export const schemaText = JSON.stringify({
  type: 'record', name: 'alert', namespace: 'test', fields: [
    { name: 'diaSourceId', type: 'long' }, { name: 'flux', type: ['null', 'float'] }, { name: 'cutout', type: ['null', 'bytes'] },
    { name: 'history', type: { type: 'array', items: { type: 'record', name: 'source', fields: [{ name: 'flux', type: 'double' }] } } }
  ]
})
/** A packed id: night 2026-02-24, sequence 1010, detector 12. */
export const id = '170055001964544532'

export const cutout = randomBytes(3000)
const schema = parseSchema(schemaText)

export function frameOf (alertId = id): Buffer {
  const history = [{ flux: NaN }, { flux: 1.5 }, { flux: -Infinity }]
  return schema.encodeFramed(schemaId, { diaSourceId: BigInt(alertId), flux: NaN, cutout, history })
}

export const origin: ArchivableAlert['origin'] = {
  topic: 'alerts-simulated', topicId: '00112233-4455-6677-8899-aabbccddeeff', partition: 3, offset: 1042n, leaderEpoch: 2,
  timestamp: 1_764_451_234_567n, timestampType: 'CreateTime', key: Buffer.from(id),
  headers: [textHeader('trace', 'a"b'), [Buffer.from('raw\u001b'), Buffer.from([0, 255])], [Buffer.from('none'), null]]
}

/** An archive in a folder with one alert and its schema. */
export async function archiveWith (t: Test, more: Partial<ArchivableAlert> = {}) {
  const root = join(await tempDir(t), 'archive')
  const store = await openFileStore(root)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const compressor = openCompressor({ compressor: 'zlib' }, 1, silent)
  const sink = archiveSink({ archive: () => archive, target: 'test', compressor, writes: 1 })
  const context = { origin: { node: 'test', position: '0' }, signal: new AbortController().signal, attempt: 1 }
  await sink.write({ id, frame: frameOf(), origin, ...more }, context)
  await archive.putSchema(schemaId, schemaText)
  return { root, archive, path: join(root, `v2/alerts/${id.slice(0, 6)}/${id}.avro.gz`), url: pathToFileURL(root).href }
}
