// Which alerts of an archive are replayed: those of a night, of a visit, or of a file of ids.
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { alertNameForms, parseAlertName } from '../ids/alert-id.ts'
import { idRanges, isIn, parseVisit, type PackedIdFormat } from '../ids/packed-id.ts'
import { usageErrors } from '../config/errors.ts'
import { messageOf } from '../pipeline/errors.ts'
import { listAlerts } from '../stores/alert-listing.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { replayErrors, tooManyAlerts } from './errors.ts'

export interface Selection {
  /** `night 20260224`, `visit 2026022401010` or `ids 1f2e...`, where the hex digits are those of the SHA-256 of the file. */
  readonly name: string
  /** The night of the alerts. Undefined for a file of ids. */
  readonly night: string | undefined
  /** Whether an alert of the night is selected. */
  includes (id: bigint): boolean
  /** Ids of the selected alerts, streamed. Only ids of a file may repeat or have no object. Rejects with a STORE_* error. */
  ids (store: Pick<ObjectStore, 'list' | 'url'>): AsyncIterable<bigint>
}

export interface SelectionFlags {
  readonly night: string | undefined
  readonly visit: string | undefined
  /** Path of a file. */
  readonly ids: string | undefined
}

const hashDigits = 16
/** Number of ids by which the list of a file grows. */
const step = 65_536
/** Longer than an alert id. */
const longestLine = 1000

/** Errors: USAGE_MISSING, USAGE_BAD_VALUE, ID_OUT_OF_RANGE. */
export function checkSelection ({ night, visit, ids }: SelectionFlags, format: PackedIdFormat): void {
  const given = [night, visit, ids].filter(each => each !== undefined)
  if (given.length === 0) throw usageErrors.USAGE_MISSING('replay needs --night, --visit or --ids', { where: 'replay' })
  if (given.length > 1) throw usageErrors.USAGE_BAD_VALUE('give only one of --night, --visit and --ids', { where: 'replay' })
  if (ids === undefined) rangesOf({ night, visit }, format)
}

/**
 * Errors: those of `checkSelection`; REPLAY_IDS if the file cannot be read or a line of it is not an alert id; REPLAY_TOO_MANY if the file
 * has more than `maxAlerts` ids, also if some are equal.
 */
export async function openSelection (flags: SelectionFlags, format: PackedIdFormat, maxAlerts: number): Promise<Selection> {
  checkSelection(flags, format)
  const { night, visit, ids: path } = flags
  if (path !== undefined) return await fileSelection(path, maxAlerts)
  const ranges = rangesOf(flags, format)
  return {
    name: night === undefined ? `visit ${visit}` : `night ${night}`,
    night: night ?? visit!.slice(0, 8),
    includes: id => ranges.some(range => isIn(range, id)),
    async * ids (store) {
      for await (const { id } of listAlerts(ranges, { store, format })) yield BigInt(id)
    }
  }
}

function rangesOf ({ night, visit }: Pick<SelectionFlags, 'night' | 'visit'>, format: PackedIdFormat) {
  if (visit === undefined) return idRanges({ night: night! }, format)
  const parsed = parseVisit(visit)
  if (parsed !== undefined) return idRanges(parsed, format)
  throw usageErrors.USAGE_BAD_VALUE(`--visit is '${visit}', but must be YYYYMMDD and a 5-digit sequence number`, { where: 'replay' })
}

async function fileSelection (path: string, maxAlerts: number): Promise<Selection> {
  const hash = createHash('sha256')
  const ids = new IdList(maxAlerts)
  let line = 0
  for await (const text of linesOf(path, hash)) {
    line++
    if (text === '') continue
    const id = parseAlertName(text)
    if (id === undefined) {
      const shown = JSON.stringify(text.slice(0, 40))
      throw replayErrors.REPLAY_IDS(`${shown} is not an alert id (${alertNameForms})`, { where: `${path}:${line}` })
    }
    ids.add(BigInt(id))
  }
  if (ids.length === 0) throw replayErrors.REPLAY_IDS('the file of --ids has no ids', { where: path })
  return {
    name: `ids ${hash.digest('hex').slice(0, hashDigits)}`,
    night: undefined,
    includes: () => false,
    async * ids () { yield * ids.values() }
  }
}

/** Lines of a text file, without leading and trailing spaces. A line that is too long to be an id ends the reading. Error: REPLAY_IDS. */
async function * linesOf (path: string, hash: Hash): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
      hash.update(chunk)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!.trimStart()
      for (const line of lines) yield line.trim()
      // In a file that is no text, a line may have any length.
      if (rest.trimEnd().length > longestLine) break
    }
  } catch (cause) {
    throw replayErrors.REPLAY_IDS(`cannot read the file of --ids: ${messageOf(cause)}`, { where: path, cause })
  }
  yield rest.trim()
}

/** Alert ids, 8 bytes each. The array grows in place. */
class IdList {
  readonly #max: number
  readonly #buffer: ArrayBuffer
  readonly #values: BigInt64Array
  length = 0

  constructor (max: number) {
    this.#max = max
    this.#buffer = new ArrayBuffer(0, { maxByteLength: 8 * max })
    this.#values = new BigInt64Array(this.#buffer)
  }

  /** Error: REPLAY_TOO_MANY if the list is full. */
  add (id: bigint): void {
    if (this.length === this.#max) throw tooManyAlerts(this.#max)
    if (this.length === this.#values.length) this.#buffer.resize(8 * Math.min(this.length + step, this.#max))
    this.#values[this.length++] = id
  }

  values (): Iterable<bigint> {
    return this.#values.subarray(0, this.length)
  }
}

/** The end of the default group of a selection: `20260224`, `2026022401010` or `ids-1f2e...`. */
export function groupSuffix ({ name }: Pick<Selection, 'name'>): string {
  return name.replace(/^(?:night|visit) /, '').replace(' ', '-')
}
