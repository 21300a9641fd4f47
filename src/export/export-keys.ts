// The keys of exported files: ocf/{night}/{group}-{n}.avro and parquet/{night}/{table}/{group}-{n}.parquet. A group is all alerts of a
// visit, or a part of a large visit. Its name is a function of its ids, so a second export finds the files of the first one. The last file
// of a group is written last, and its name ends with -last: a group with such a file is complete.
import { createHash } from 'node:crypto'
import { unpack, visitNumber, type PackedIdFormat } from '../ids/packed-id.ts'
import type { ObjectStore } from '../stores/object-store.ts'

export type ExportFormat = 'ocf' | 'parquet'

export interface AlertGroup {
  /** `{visit}-{part}-{hash of the ids}`. */
  readonly name: string
  readonly ids: readonly bigint[]
}

const endings = { ocf: '.avro', parquet: '.parquet' } as const
const hashDigits = 16
const group = /\/([0-9]+-[0-9]{2,}-[0-9a-f]{16})-[0-9]{4,}(-last)?\.[a-z]+$/

function exportPrefix (format: ExportFormat, night: string): string {
  return `${format}/${night}/`
}

/**
 * @param table table of a Parquet file. Undefined for OCF
 * @param number 1 for the first file of the group, or of the group in a table
 */
export function exportKey (
  format: ExportFormat, night: string, table: string | undefined, groupName: string, number: number, isLast: boolean
): string {
  const folder = table === undefined ? '' : `${table}/`
  const name = `${groupName}-${String(number).padStart(4, '0')}${isLast ? '-last' : ''}${endings[format]}`
  return `${exportPrefix(format, night)}${folder}${name}`
}

/** Names of the groups of which a store has files, and of those that are complete. Rejects with a STORE_* error. */
export async function existingGroups (
  store: Pick<ObjectStore, 'list'>, format: ExportFormat, night: string
): Promise<{ readonly begun: ReadonlySet<string>, readonly complete: ReadonlySet<string> }> {
  const begun = new Set<string>()
  const complete = new Set<string>()
  for await (const key of store.list(exportPrefix(format, night))) {
    const [, name, last] = group.exec(key) ?? []
    if (name === undefined) continue
    begun.add(name)
    if (last !== undefined) complete.add(name)
  }
  return { begun, complete }
}

/** Groups ids in the order of visits, each with at most `size` ids of one visit. */
export async function * alertGroups (ids: AsyncIterable<bigint>, format: PackedIdFormat, size: number): AsyncGenerator<AlertGroup> {
  let visit: bigint | undefined
  let part = 1
  let found: bigint[] = []
  const named = (): AlertGroup => {
    const hash = createHash('sha256').update(found.join('\n')).digest('hex').slice(0, hashDigits)
    return { name: `${visit}-${String(part).padStart(2, '0')}-${hash}`, ids: found }
  }
  for await (const id of ids) {
    const next = visitNumber(unpack(id, format))
    if (found.length > 0 && (next !== visit || found.length === size)) {
      yield named()
      part = next === visit ? part + 1 : 1
      found = []
    }
    visit = next
    found.push(id)
  }
  if (found.length > 0) yield named()
}
