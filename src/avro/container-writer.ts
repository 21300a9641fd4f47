// Writer of Avro object container files. The file appears under its name only when it is whole and on disk: it grows as a temporary file beside it,
// which is synced and renamed at close(), removed at abort(). With a fixed sync marker (or seed) the bytes depend on the input alone.
import { createHash, randomBytes } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codecByName, type CodecName } from './codecs.ts'
import { containerMagic, syncLength } from './container-reader.ts'
import { containerErrors } from './errors.ts'
import type { AlertSchema, AlertValue } from './schema.ts'
import { encodeLong } from './varint.ts'

export interface ContainerWriterOptions {
  /** Default `null` (no compression). */
  readonly codec?: CodecName | undefined
  /** 16 bytes, or any text from which they are derived; default random, so that two files never share one. */
  readonly syncMarker?: Buffer | string | undefined
  /** Further entries of the header; keys that begin with `avro.` are reserved. */
  readonly metadata?: Readonly<Record<string, string | Buffer>> | undefined
  /** A block is written once it holds this many bytes; default 1 MiB. */
  readonly blockBytes?: number | undefined
}

export interface ContainerWriter {
  readonly path: string
  /** Records appended so far. */
  readonly count: number
  /** Adds a value; resolves when there is room for the next. One at a time. Errors: VALUE_INVALID (nothing is added), AVRO_UNWRITABLE. */
  append (value: AlertValue): Promise<void>
  /** Adds a record that is encoded already, with exactly this schema. */
  appendDatum (datum: Buffer): Promise<void>
  /** Writes what is left, syncs, renames. Error: AVRO_UNWRITABLE; the temporary file is removed then. */
  close (): Promise<void>
  /** Gives up: removes the temporary file. Harmless after close(). */
  abort (): Promise<void>
}

/** Begins a file. Errors: AVRO_UNWRITABLE, AVRO_UNKNOWN_CODEC. */
export async function createContainerWriter (path: string, schema: AlertSchema, options: ContainerWriterOptions = {}): Promise<ContainerWriter> {
  const codec = codecByName(options.codec ?? 'null')
  const sync = markerFrom(options.syncMarker)
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`)
  const unwritable = (cause: unknown): Error => containerErrors.AVRO_UNWRITABLE('the Avro file cannot be written', { where: path, cause })
  let handle: FileHandle
  try {
    handle = await open(temporary, 'wx')
  } catch (error) {
    throw unwritable(error)
  }
  const blockBytes = options.blockBytes ?? 1024 * 1024
  let pending: Buffer[] = []
  let pendingBytes = 0
  let count = 0
  let state: 'open' | 'closed' = 'open'

  async function write (...pieces: Buffer[]): Promise<void> {
    try {
      let left = Buffer.concat(pieces)
      while (left.length > 0) left = left.subarray((await handle.write(left)).bytesWritten)
    } catch (error) {
      await abort()
      throw unwritable(error)
    }
  }

  async function flush (): Promise<void> {
    if (pending.length === 0) return
    const records = pending.length
    const data = Buffer.concat(pending, pendingBytes)
    pending = []
    pendingBytes = 0
    const packed = await codec.compress(data)
    await write(encodeLong(records), encodeLong(packed.length), packed, sync)
  }

  async function appendDatum (datum: Buffer): Promise<void> {
    if (state === 'closed') throw unwritable(new Error('the writer is closed'))
    pending.push(datum)
    pendingBytes += datum.length
    count++
    if (pendingBytes >= blockBytes) await flush()
  }

  async function abort (): Promise<void> {
    if (state === 'closed') return
    state = 'closed'
    await handle.close().catch(() => {})
    await rm(temporary, { force: true })
  }

  async function close (): Promise<void> {
    if (state === 'closed') throw unwritable(new Error('the writer is closed'))
    await flush()
    try {
      await handle.sync()
      await handle.close()
      await rename(temporary, path)
      await syncFolder(dirname(path))
      state = 'closed'
    } catch (error) {
      await abort()
      throw unwritable(error)
    }
  }

  await write(header(schema, codec.name, sync, options.metadata ?? {}))
  return {
    path,
    get count () { return count },
    append: async value => appendDatum(schema.encode(value)),
    appendDatum,
    close,
    abort
  }
}

function header (schema: AlertSchema, codec: string, sync: Buffer, metadata: Readonly<Record<string, string | Buffer>>): Buffer {
  const entries = Object.entries({ 'avro.codec': codec, 'avro.schema': schema.text, ...metadata })
  const text = (value: string | Buffer): Buffer => {
    const bytes = Buffer.from(value as string)
    return Buffer.concat([encodeLong(bytes.length), bytes])
  }
  return Buffer.concat([containerMagic, encodeLong(entries.length), ...entries.flatMap(([key, value]) => [text(key), text(value)]), encodeLong(0), sync])
}

function markerFrom (marker: Buffer | string | undefined): Buffer {
  if (marker === undefined) return randomBytes(syncLength)
  if (typeof marker === 'string') return createHash('sha256').update(marker).digest().subarray(0, syncLength)
  if (marker.length !== syncLength) throw new RangeError(`a sync marker has ${syncLength} bytes, not ${marker.length}`)
  return marker
}

async function syncFolder (folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
