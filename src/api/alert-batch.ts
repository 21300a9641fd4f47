// The alerts of a batch, in the order of their ids: as JSON lines with the frames, or as an Avro object container file. The archive is read
// only as fast as the client reads, and few alerts are in memory at a time.
import { containerHeader, syncMarker } from '../avro/container-writer.ts'
import { encodeLong } from '../avro/varint.ts'
import { parseFrame } from '../avro/wire-format.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import type { ArchiveReader } from '../stores/archive.ts'

type AlertArchive = Pick<ArchiveReader, 'getAlert'>
type BatchArchive = AlertArchive & Pick<ArchiveReader, 'getSchema'>

interface ReadAlert {
  readonly id: string
  /** Undefined if the alert is not archived, or cannot be served. */
  readonly frame: Buffer | undefined
  /** Why the alert cannot be served: OBJECT_CORRUPT, OBJECT_TOO_LARGE. */
  readonly error?: string
}

/** Alerts that are read at the same time. */
const readAhead = 4
/** Length of the data at which a block of a container file ends, in bytes. */
const blockBytes = 256 * 1024

/** One line for each id: `{"id", "found", "alert"}` with the frame in base64. Rejects with a STORE_* error. */
export async function * jsonLines (archive: BatchArchive, ids: readonly string[], signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const { id, frame, error } of readAlerts(archive, ids, signal)) {
    const line = frame === undefined ? { id, found: error !== undefined, error } : { id, found: true, alert: frame.toString('base64') }
    yield Buffer.from(`${JSON.stringify(line)}\n`)
  }
}

/**
 * An Avro object container file of the alerts that have the schema of the first one. Yields nothing if no alert is archived. Rejects with a
 * STORE_* error.
 */
export async function * containerFile (archive: BatchArchive, ids: readonly string[], signal: AbortSignal): AsyncGenerator<Buffer> {
  const sync = syncMarker()
  let schemaId: number | undefined
  let data: Buffer[] = []
  let bytes = 0
  const block = (): Buffer => {
    const all = Buffer.concat([encodeLong(data.length), encodeLong(bytes), ...data, sync])
    data = []
    bytes = 0
    return all
  }
  for await (const { frame } of readAlerts(archive, ids, signal)) {
    if (frame === undefined) continue
    const parsed = parseFrame(frame)
    if (schemaId === undefined) {
      const schema = await archive.getSchema(parsed.schemaId)
      if (schema === undefined) continue
      schemaId = parsed.schemaId
      yield containerHeader(schema, 'null', sync)
    }
    if (parsed.schemaId !== schemaId) continue
    data.push(parsed.datum)
    bytes += parsed.datum.length
    if (bytes >= blockBytes) yield block()
  }
  if (data.length > 0) yield block()
}

/** Each alert, in the order of the ids. Rejects with a STORE_* error, or with the reason of the signal. */
export async function * readAlerts (archive: AlertArchive, ids: readonly string[], signal: AbortSignal): AsyncGenerator<ReadAlert> {
  const ahead: Array<Promise<ReadAlert>> = []
  for (let next = 0; ahead.length > 0 || next < ids.length;) {
    while (ahead.length < readAhead && next < ids.length) {
      const read = readAlert(archive, ids[next++]!)
      // A failure is reported when its turn comes. If the client is gone, nobody waits for it.
      read.catch(() => {})
      ahead.push(read)
    }
    const alert = await ahead.shift()!
    signal.throwIfAborted()
    yield alert
  }
}

async function readAlert (archive: AlertArchive, id: string): Promise<ReadAlert> {
  try {
    return { id, frame: await archive.getAlert(id) }
  } catch (error) {
    // A damaged object stops only itself.
    if (error instanceof AlertStreamError && error.code.startsWith('OBJECT_')) return { id, frame: undefined, error: error.code }
    throw error
  }
}
