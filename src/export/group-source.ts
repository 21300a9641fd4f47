// The alerts of a night that have not been exported, group by group.
import { idRanges, type PackedIdFormat } from '../ids/packed-id.ts'
import type { NodeContext, Source, SourceRecord } from '../pipeline/index.ts'
import { counted } from '../print/counted.ts'
import { listAlerts } from '../stores/alert-listing.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { exportErrors } from './errors.ts'
import { alertGroups, existingGroups, type AlertGroup, type ExportFormat } from './export-keys.ts'

/** An alert to export. */
export interface GroupedAlert {
  readonly id: bigint
  readonly group: string
  /** Whether it is the last alert of its group. */
  readonly isLast: boolean
}

interface GroupSourceOptions {
  /** URL of the archive, for descriptions. */
  readonly detail: string
  /** Called when the graph runs. */
  readonly alerts: () => Pick<ObjectStore, 'list' | 'url'>
  readonly destination: () => Pick<ObjectStore, 'list' | 'url'>
  readonly night: string
  readonly format: ExportFormat
  readonly packedIds: PackedIdFormat
  /** Maximum number of alerts in a group. */
  readonly size: number
}

export interface GroupSource extends Source<GroupedAlert> {
  /** Number of alerts that were found so far. */
  readonly found: number
  /** Number of them in groups that were complete before. */
  readonly present: number
  /** Whether all alerts were emitted. */
  readonly ended: boolean
}

/** Errors: STORE_*, ID_OUT_OF_RANGE; EXPORT_CHANGED if the destination has groups of other alerts. */
export function groupSource ({ detail, alerts, destination, night, format, packedIds, size }: GroupSourceOptions): GroupSource {
  let found = 0
  let present = 0
  let ended = false

  async function * ids (): AsyncGenerator<bigint> {
    for await (const { id } of listAlerts(idRanges({ night }, packedIds), { store: alerts(), format: packedIds })) yield BigInt(id)
  }
  const groups = (): AsyncGenerator<AlertGroup> => alertGroups(ids(), packedIds, size)

  /** Compares before anything is written, because the files of both exports together would have alerts twice. */
  async function checkUnchanged (begun: ReadonlySet<string>, drain: AbortSignal): Promise<void> {
    if (begun.size === 0) return
    const changed = new Set(begun)
    for await (const { name } of groups()) {
      if (drain.aborted) return
      changed.delete(name)
    }
    const [first] = changed
    if (first === undefined) return
    const what = `the destination has ${counted(changed.size, 'group')} whose alerts differ from those of the archive, such as ${first}`
    throw exportErrors.EXPORT_CHANGED(what, { where: destination().url })
  }

  return {
    kind: 'object store',
    detail,
    get found () { return found },
    get present () { return present },
    get ended () { return ended },
    async * records ({ drain }: NodeContext): AsyncGenerator<SourceRecord<GroupedAlert>> {
      const { begun, complete } = await existingGroups(destination(), format, night)
      await checkUnchanged(begun, drain)
      for await (const { name, ids } of groups()) {
        found += ids.length
        if (complete.has(name)) {
          present += ids.length
          continue
        }
        for (const [index, id] of ids.entries()) {
          if (drain.aborted) return
          yield { value: { id, group: name, isLast: index === ids.length - 1 }, bytes: 0, position: `alert ${id}` }
        }
      }
      ended = !drain.aborted
    }
  }
}
