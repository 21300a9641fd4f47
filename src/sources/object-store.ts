// When the source opens, lists the keys with a prefix in a store; then reads their objects. Emits: complete objects in key order; skips
// objects that were deleted after the listing, and ignores new objects. Reads 8 objects ahead. Completes: after the last key.
import type { Logger, NodeContext, Source, SourceRecord } from '../pipeline/index.ts'
import type { ObjectStore } from '../stores/index.ts'

export interface StoredObjectRecord {
  readonly key: string
  readonly body: Buffer
}

export interface ObjectSourceOptions {
  /** URL of the store, for descriptions. */
  readonly url: string
  /** Opens the store. The source closes it. */
  readonly open: (log: Logger) => Promise<ObjectStore>
  readonly prefix: string
  /** Builds a filter for the keys when the source opens. Default: all keys. */
  readonly keep?: (store: ObjectStore) => Promise<(key: string) => boolean>
}

/** Number of concurrent reads. Sequential reads would be slow, because a bucket takes tens of milliseconds per object. */
const READ_AHEAD = 8

/** Errors: STORE_*. */
export function objectSource ({ url, open, prefix, keep }: ObjectSourceOptions): Source<StoredObjectRecord> {
  let store: ObjectStore | undefined
  let keys: string[] = []
  return {
    kind: 'object store',
    detail: `${url}: ${prefix}`,
    async open (context: NodeContext) {
      store = await open(context.log)
      const wanted = await keep?.(store) ?? (() => true)
      for await (const key of store.list(prefix)) if (wanted(key)) keys.push(key)
    },
    async * records ({ drain }: NodeContext): AsyncGenerator<SourceRecord<StoredObjectRecord>> {
      const from = store
      if (from === undefined) throw new Error('the source is not open')
      const ahead: Array<Promise<StoredObjectRecord | undefined>> = []
      const read = async (key: string): Promise<StoredObjectRecord | undefined> => {
        const object = await from.get(key)
        return object === undefined ? undefined : { key, body: object.body }
      }
      for (let next = 0; !drain.aborted && (next < keys.length || ahead.length > 0);) {
        while (ahead.length < READ_AHEAD && next < keys.length) {
          const reading = read(keys[next++]!)
          reading.catch(() => {})
          ahead.push(reading)
        }
        const object = await ahead.shift()
        if (object !== undefined) yield { value: object, bytes: object.body.length, position: object.key }
      }
    },
    async close () {
      keys = []
      await store?.close()
    }
  }
}
