// An Avro object container file as a source: one record per alert, damaged ones included (they fail in the next step and become dead
// letters there). What makes the rest of the file unreadable ends the graph. Emits: in file order. Completes: at the end of the file.
import { openContainer, type AlertSchema, type ContainerFailure, type ContainerRecord } from '../avro/index.ts'
import type { AlertStreamError, NodeContext, Source, SourceRecord } from '../pipeline/index.ts'

/** An alert, or what cannot be had; `data` is its Avro binary in the file's schema, as far as it can be told from what follows it. */
export type AvroFileItem =
  | { readonly index: number, readonly data: Buffer, readonly error?: undefined }
  | { readonly index: number, readonly data?: Buffer, readonly error: AlertStreamError, readonly lost: number }

export interface AvroFileSource extends Source<AvroFileItem> {
  /** Whether every record of the file has been handed over (not so after an early drain). */
  readonly atEnd: boolean
}

/** @param path of the file; it is opened with the graph */
export function avroFileSource (path: string): AvroFileSource {
  let atEnd = false
  return {
    kind: 'avro file',
    detail: path,
    get atEnd () { return atEnd },
    async * records (context: NodeContext): AsyncIterable<SourceRecord<AvroFileItem>> {
      const container = await openContainer(path, { decode: false })
      try {
        for await (const item of container.records(context.drain)) {
          const value = own(item)
          yield { value, bytes: value.data?.length ?? 0, position: `${path}#${item.index}` }
        }
        atEnd = !context.drain.aborted
      } finally {
        await container.close()
      }
    }
  }
}

// The datum is a view into its block: kept as it is, one slow alert would keep the whole block.
function own ({ index, datum, ...rest }: ContainerRecord | ContainerFailure): AvroFileItem {
  const data = datum === undefined ? {} : { data: Buffer.from(datum) }
  return rest.error === undefined ? { index, ...data } as AvroFileItem : { index, ...data, error: rest.error, lost: (rest as ContainerFailure).lost }
}

/** What a file holds, found by reading it through once without decoding: a damaged end is found before anything is published. */
export interface FileScan {
  /** The file's own schema. */
  readonly schema: AlertSchema
  readonly records: number
  /** Records that cannot be had. */
  readonly damaged: number
  readonly bytes: number
  /** Bytes of the largest record. */
  readonly largest: number
}

/** Errors: AVRO_* for what makes the file unreadable. Where `signal` aborts, what was seen so far. */
export async function scanAvroFile (path: string, signal: AbortSignal): Promise<FileScan> {
  const container = await openContainer(path, { decode: false })
  const scan = { schema: container.schema, records: 0, damaged: 0, bytes: 0, largest: 0 }
  try {
    for await (const item of container.records(signal)) {
      if (item.error === undefined) {
        scan.records++
        scan.bytes += item.datum.length
      } else {
        scan.damaged += item.lost
      }
      scan.largest = Math.max(scan.largest, item.datum?.length ?? 0)
    }
  } finally {
    await container.close()
  }
  return scan
}
