// Reads the positions of the alerts of a night from the segments of the index: a few bytes per alert instead of one request per object.
import { zstdDecompressSync } from 'node:zlib'
import type { ColumnData } from 'hyparquet'
import { listSegments } from '../alert-index/segment-key.ts'
import { messageOf, patientRetry, persist } from '../pipeline/index.ts'
import { storeErrors } from '../stores/errors.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { AlertTable } from './alert-table.ts'
import type { Selection } from './selection.ts'

const names = ['id', 'topic', 'partition', 'offset', 'timestamp', 'frameBytes'] as const
type Name = typeof names[number]

/**
 * Adds one alert for each delivery of a selected alert with a known position. Rejects with a STORE_* error, or OBJECT_CORRUPT if a segment
 * is damaged.
 */
export async function addIndexRows (
  table: AlertTable, store: Pick<ObjectStore, 'get' | 'list' | 'url'>, { night, includes }: Pick<Selection, 'night' | 'includes'>,
  signal: AbortSignal
): Promise<void> {
  if (night === undefined) return
  for (const { key } of await persist(() => listSegments(store, night), patientRetry, signal)) {
    if (signal.aborted) return
    const object = await persist(() => store.get(key), patientRetry, signal)
    // A segment may be deleted. The positions of its alerts are then read from their objects.
    if (object !== undefined) await addSegment(table, object.body, includes, `${store.url}: ${key}`)
  }
}

async function addSegment (table: AlertTable, body: Buffer, includes: (id: bigint) => boolean, where: string): Promise<void> {
  const values = await readColumns(body).catch((cause: unknown) => {
    throw storeErrors.OBJECT_CORRUPT(`the segment of the index cannot be read: ${messageOf(cause)}`, {
      where, cause, hint: 'Write the segments of the night again with "alert-stream index --rebuild", or run without --index-store.'
    })
  })
  const [ids = [], topics = [], partitions = [], offsets = [], timestamps = [], bytes = []] = names.map(name => values.get(name))
  ids.forEach((value, row) => {
    const id = BigInt(value as bigint)
    const [topic, partition, offset, timestamp] = [topics[row], partitions[row], offsets[row], timestamps[row]]
    if (topic === null || topic === undefined || !includes(id)) return
    table.add({
      id,
      position: {
        topic: topic as string, partition: Number(partition), offset: BigInt(offset as bigint), timestamp: BigInt(timestamp as bigint)
      },
      bytes: Number(bytes[row])
    })
  })
}

async function readColumns (body: Buffer): Promise<ReadonlyMap<Name, readonly unknown[]>> {
  const { parquetRead } = await import('hyparquet')
  const file = body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer
  const values = new Map<Name, unknown[]>(names.map(name => [name, []]))
  await parquetRead({
    file,
    columns: [...names],
    compressors: { ZSTD: bytes => zstdDecompressSync(bytes) },
    onChunk: ({ columnName, columnData, rowStart }: ColumnData) => {
      const column = values.get(columnName as Name)!
      Array.from(columnData as ArrayLike<unknown>).forEach((value, index) => { column[rowStart + index] = value })
    }
  })
  return values
}
