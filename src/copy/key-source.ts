// Lists the objects to copy. Emits: the schemas, then, when all schemas have settled, the alerts, so that no alert is copied before its
// schema. The order is that of the keys, layout by layout. Completes: after the last key.
import type { NodeContext, Source, SourceRecord } from '../pipeline/node.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { alertKeys, schemaKeys, type ArchivedKey, type Selection } from './archived-keys.ts'

interface KeySourceOptions {
  /** Where the objects are, for descriptions. */
  readonly detail: string
  readonly stores: () => { readonly alerts: ObjectStore, readonly schemas: ObjectStore }
  readonly selection: Selection
  /** Called with keys that belong to no alert and no schema. */
  readonly ignored: (key: string) => void
  /** Called when an object has been dealt with. */
  readonly settled: (key: ArchivedKey) => void
}

export interface KeySource extends Source<ArchivedKey> {
  /** Whether all keys were emitted. */
  readonly ended: boolean
}

/** Errors: STORE_*. */
export function keySource ({ detail, stores, selection, ignored, settled }: KeySourceOptions): KeySource {
  let unsettled = 0
  let ended = false
  let allSettled: (() => void) | undefined
  const record = (key: ArchivedKey): SourceRecord<ArchivedKey> => {
    unsettled++
    return { value: key, bytes: 0, position: key.key }
  }
  return {
    kind: 'object store',
    detail,
    get ended () { return ended },
    async * records ({ drain }: NodeContext) {
      const { alerts, schemas } = stores()
      for await (const key of schemaKeys(schemas, selection, ignored)) {
        if (drain.aborted) return
        yield record(key)
      }
      await new Promise<void>(resolve => {
        allSettled = resolve
        if (unsettled === 0 || drain.aborted) resolve()
        drain.addEventListener('abort', () => { resolve() }, { once: true })
      })
      for await (const key of alertKeys(alerts, selection, ignored)) {
        if (drain.aborted) return
        yield record(key)
      }
      ended = !drain.aborted
    },
    settled ({ value }) {
      settled(value)
      if (--unsettled === 0) allSettled?.()
    }
  }
}
