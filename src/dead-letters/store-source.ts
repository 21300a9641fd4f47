// The dead letters of a store, as listed when the source opens. A processed dead letter gets a marker, a separate object under the name of
// the group. The dead letter itself is never modified or deleted, so a failed run loses no dead letter.
import type { DeadLetterEntry, DeadLetterSource } from './dead-letter-source.ts'
import { objectSource, type StoredObjectRecord } from '../sources/object-store.ts'
import { deadLetterContentType, deadLetterFromJson, deadLetterPrefix } from './dead-letter-json.ts'
import { asError, patientRetry, persist, type Logger, type NodeContext, type SourceRecord } from '../pipeline/index.ts'
import { checksumsOf, type ObjectStore } from '../stores/index.ts'

export interface DeadLetterStoreSourceOptions {
  /** URL of the store, for descriptions. */
  readonly url: string
  /** Opens the store for reading and, unless `dryRun` is set, for writing. Called when the graph opens. The source closes the store. */
  readonly open: (log: Logger) => Promise<ObjectStore>
  /** Name of the group. Each group has its own markers, so groups process the dead letters independently. */
  readonly group: string
  /** If true, the source writes no markers. */
  readonly dryRun?: boolean | undefined
}

/** Prefix of the keys of all markers: `dead-letters-redriven/v1/{group}/{rest of the dead letter's key}`. */
const markerPrefix = 'dead-letters-redriven/v1/'
/** Name of a marker that belongs to no dead letter. It is written first, so that a run that cannot write markers sends nothing. */
const startMarker = '~begun.json'
/** Maximum number of markers being written. At the maximum, the source waits before it emits another dead letter. */
const MAX_PENDING_MARKERS = 16

/** Errors: STORE_*. An unreadable dead letter is emitted with its problem. */
export function deadLetterStoreSource ({ url, open, group, dryRun }: DeadLetterStoreSourceOptions): DeadLetterSource {
  const groupPrefix = `${markerPrefix}${encodeURIComponent(group)}/`
  const left = new Set<DeadLetterEntry>()
  const pending = new Set<Promise<void>>()
  let store: ObjectStore | undefined
  let error: Error | undefined
  let abort = new AbortController().signal
  const objects = objectSource({
    url,
    open: async log => store = await open(log),
    prefix: deadLetterPrefix,
    keep: async from => {
      const processed = new Set<string>()
      for await (const key of from.list(groupPrefix)) processed.add(deadLetterPrefix + key.slice(groupPrefix.length))
      return key => !processed.has(key)
    }
  })

  /** @param name key of the dead letter without `deadLetterPrefix` */
  async function putMarker (name: string): Promise<void> {
    const body = Buffer.from(`${JSON.stringify({ letter: deadLetterPrefix + name })}\n`)
    const meta = { contentType: deadLetterContentType, ...checksumsOf(body), same: () => true }
    try {
      // Retry during an outage of the store, because a dead letter without a marker would be sent again.
      await persist(async () => store!.put(groupPrefix + name, body, meta), patientRetry, abort)
    } catch (failure) {
      error ??= asError(failure)
    }
  }

  return {
    kind: 'dead-letter store',
    detail: `${url} as ${group}`,
    unread: 0,
    // A record that is dead-lettered again maps to the same object.
    repeats: 0,
    async open (context) {
      abort = context.abort
      await objects.open?.(context)
      if (dryRun === true) return
      await putMarker(startMarker)
      if (error !== undefined) throw error
    },
    async * records (context: NodeContext): AsyncGenerator<SourceRecord<DeadLetterEntry>> {
      for await (const { value, bytes, position } of objects.records(context)) {
        while (pending.size >= MAX_PENDING_MARKERS) await Promise.race(pending)
        if (error !== undefined) throw error
        yield { value: toEntry(value), bytes, position }
      }
    },
    leave: entry => { left.add(entry) },
    settled: ({ value }, failure) => {
      if (left.delete(value) || failure !== undefined || dryRun === true) return
      const marking = putMarker(value.position.slice(deadLetterPrefix.length)).finally(() => { pending.delete(marking) })
      pending.add(marking)
    },
    async flush () {
      await Promise.all(pending)
      if (error !== undefined) throw error
    },
    close: async () => objects.close?.()
  }
}

function toEntry ({ key, body }: StoredObjectRecord): DeadLetterEntry {
  try {
    return { position: key, deadLetter: deadLetterFromJson(body, key) }
  } catch (problem) {
    return { position: key, deadLetter: undefined, problem: asError(problem) }
  }
}
