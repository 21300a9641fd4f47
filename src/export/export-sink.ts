// Writes groups of alerts as files to the destination. Nothing is overwritten. If an alert of a group cannot be read, the rest of the group
// is not written, so that a later run finds the group incomplete.
import { patientRetry, persist, type Sink } from '../pipeline/index.ts'
import { checksumsOf } from '../stores/checksums.ts'
import { retryableStoreError } from '../stores/errors.ts'
import type { ObjectStore, PutOutcome } from '../stores/object-store.ts'
import { exportKey, type ExportFormat } from './export-keys.ts'
import { GroupFiles, type FileWriter } from './group-files.ts'
import type { ReadAlert } from './read-alerts.ts'

interface ExportSinkOptions {
  readonly store: () => Pick<ObjectStore, 'put'>
  /** URL of the destination, for descriptions. */
  readonly detail: string
  readonly format: ExportFormat
  readonly writer: FileWriter
  readonly night: string
  readonly maxBytes: number
}

export interface ExportSink extends Sink<readonly ReadAlert[]> {
  /** Alerts of complete groups, and files and bytes that were written. */
  readonly counts: { readonly alerts: number, readonly files: number, readonly bytes: number, readonly damaged: number }
}

/** Use it with `noRetry` and concurrency 1, because it retries the writes of files. Errors: STORE_*, ARCHIVE_CONFLICT. */
export function exportSink ({ store, detail, format, writer, night, maxBytes }: ExportSinkOptions): ExportSink {
  const counts = { alerts: 0, files: 0, bytes: 0, damaged: 0 }
  let current: { readonly group: string, readonly files: GroupFiles, damaged: boolean, alerts: number } | undefined

  function begin (group: string, signal: AbortSignal): NonNullable<typeof current> {
    const files = new GroupFiles(writer, maxBytes, async ({ table, number, isLast }, body) => {
      const key = exportKey(format, night, table, group, number, isLast)
      const outcome = await persist(async (): Promise<PutOutcome> => {
        try {
          return await store().put(key, body, { contentType: writer.contentType, ...checksumsOf(body) })
        } catch (error) {
          throw retryableStoreError(error)
        }
      }, patientRetry, signal)
      if (outcome === 'identical') return
      counts.files++
      counts.bytes += body.length
    })
    return { group, files, damaged: false, alerts: 0 }
  }

  async function add ({ id, group, isLast, content }: ReadAlert, signal: AbortSignal): Promise<void> {
    if (current?.group !== group) current = begin(group, signal)
    if (content === undefined) {
      counts.damaged++
      current.damaged = true
    }
    if (current.damaged || content === undefined) return
    await current.files.add(id, content.schemaId, content.schema, content.datum)
    current.alerts++
    if (!isLast) return
    await current.files.end()
    counts.alerts += current.alerts
  }

  return {
    kind: 'object store',
    detail,
    counts,
    async write (alerts, { signal }) {
      for (const alert of alerts) await add(alert, signal)
    }
  }
}
