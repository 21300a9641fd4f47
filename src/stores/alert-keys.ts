// Lists the keys of the alerts in a layout: those of a night, a visit or a detector (ranges of ids), those whose ids begin with some
// digits, or all. `list` and `copy` both use these listings, so they find the same alerts.
import { largestAlertId } from '../ids/alert-id.ts'
import { isIn, unpack, type IdRange, type PackedIdFormat } from '../ids/packed-id.ts'
import {
  allKeySchemes, alertName, distinctKeySchemes, keyRanges, keySchemes, packedFolder, parseAlertKey, type KeyScheme
} from './layouts.ts'
import type { KeyRange, ObjectStore } from './object-store.ts'

export interface AlertKey {
  readonly id: bigint
  readonly key: string
  /** `.avro.gz` or `.avro`. */
  readonly ending: string
}

export interface AlertKeyOptions {
  readonly store: Pick<ObjectStore, 'list'>
  readonly format: PackedIdFormat
  /** Called with each listed key that is not the key of an alert in the layout. */
  readonly ignored?: (key: string) => void
}

const mostDigits = 19

/** The part of layout v3 for ids that are not packed, also for those that are packed only with the tags that are configured now. */
const otherInV3: KeyScheme = { ...keySchemes.v2, name: 'v3', alerts: `${keySchemes.v3.alerts}other/`, endings: keySchemes.v3.endings }

/** All alerts, in the order of their keys. Rejects with a STORE_* error. */
export function allKeys (scheme: KeyScheme, options: AlertKeyOptions): AsyncGenerator<AlertKey> {
  return alertsIn(scheme, {}, options)
}

/**
 * The alerts whose ids are in the ranges. Each stream is in the order of night, visit, detector, id. Each range has one tag, and the ranges
 * differ in their tags only, as those of `idRanges`. Streams reject with a STORE_* error.
 */
export function keysInRanges (scheme: KeyScheme, ranges: readonly IdRange[], options: AlertKeyOptions): Array<AsyncGenerator<AlertKey>> {
  const inIdOrderOf = (each: KeyScheme) => ranges.map(range => inIdOrder(each, range, options))
  return scheme === keySchemes.v3 ? [inV3(ranges, options), ...inIdOrderOf(otherInV3)] : inIdOrderOf(scheme)
}

/**
 * The alerts whose ids begin with the decimal digits. Each stream is in the order of the text of the ids. Streams reject with a STORE_*
 * error.
 */
export function keysByPrefix (scheme: KeyScheme, digits: string, options: AlertKeyOptions): Array<AsyncGenerator<AlertKey>> {
  if (scheme !== keySchemes.v3) return [inTextOrder(scheme, digits, options)]
  const { tags, bits } = options.format
  const shift = BigInt(bits.day + bits.sequence + bits.detector + bits.counter)
  // Layout v3 is in the order of the ids only if they have the same tag and the same number of digits.
  const packed = tags.flatMap(tag => rangesOf(digits).map(({ first, last }) => {
    const [lowest, highest] = [BigInt(tag) << shift, (BigInt(tag + 1) << shift) - 1n]
    return { first: first > lowest ? first : lowest, last: min(last, highest) }
  })).filter(({ first, last }) => first <= last)
  return [inTextOrder(otherInV3, digits, options), ...packed.map(range => inV3([range], options))]
}

/** The ids that begin with the decimal digits: one range for each number of digits. */
function rangesOf (digits: string): IdRange[] {
  const shortest = Math.max(1, digits.length)
  // Ids have no leading zeros.
  const longest = digits.startsWith('0') ? 1 : mostDigits
  return Array.from({ length: Math.max(0, longest - shortest + 1) }, (_, n) => {
    const length = shortest + n
    const first = digits === '' && length > 1 ? '1' : digits
    return { first: BigInt(first.padEnd(length, '0')), last: min(BigInt(digits.padEnd(length, '9')), largestAlertId) }
  })
}

function min (a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** The layouts among `schemes` that have alerts. Default: all. Rejects with a STORE_* error. */
export async function usedKeySchemes (
  store: Pick<ObjectStore, 'list' | 'url'>, schemes: readonly KeyScheme[] = allKeySchemes
): Promise<readonly KeyScheme[]> {
  const used = await Promise.all(distinctKeySchemes(store.url, schemes).map(async scheme => {
    for await (const _key of store.list(scheme.alerts, { limit: 1 })) return [scheme]
    return []
  }))
  return used.flat()
}

/** The alerts of a range, in any layout but v3. */
async function * inIdOrder (scheme: KeyScheme, range: IdRange, options: AlertKeyOptions): AsyncGenerator<AlertKey> {
  for (const { ids, keys } of keyRanges(scheme, range, options.format)) {
    for await (const found of alertsIn(scheme, keys, options)) if (isIn(ids, found.id)) yield found
  }
}

/** The alerts whose ids begin with the digits, in a layout whose keys are in the order of the text of the ids. */
async function * inTextOrder (scheme: KeyScheme, digits: string, options: AlertKeyOptions): AsyncGenerator<AlertKey> {
  // Shorter ids have folders of their own.
  const prefix = digits.length < 6 ? scheme.alerts + digits : alertName(scheme, digits, options.format)
  yield * alertsIn(scheme, {}, options, prefix)
}

/** The packed alerts of layout v3: its folders are in the order of night, visit and detector. */
async function * inV3 (ranges: readonly IdRange[], options: AlertKeyOptions): AsyncGenerator<AlertKey> {
  const { format } = options
  const packed = ranges.find(({ first }) => format.tags.includes(unpack(first, format).tag))
  if (packed === undefined) return
  const { alerts } = keySchemes.v3
  const [from, end] = [packed.first, packed.last].map(id => alerts + packedFolder(unpack(id, format)))
  const inRange = ({ id }: AlertKey): boolean => ranges.some(range => isIn(range, id))
  let folder = ''
  let found: AlertKey[] = []
  for await (const each of alertsIn(keySchemes.v3, { from: from!, before: `${end!.slice(0, -1)}0` }, options)) {
    if (!each.key.startsWith(folder) || folder === '') {
      yield * inOrder(found.filter(inRange))
      found = []
      folder = each.key.slice(0, each.key.lastIndexOf('/') + 1)
    }
    found.push(each)
  }
  yield * inOrder(found.filter(inRange))
}

/** Sorts by id: ids with different tags may have different numbers of digits. */
function inOrder (found: AlertKey[]): AlertKey[] {
  return found.sort((a, b) => a.id < b.id ? -1 : 1)
}

/** The objects in a range of keys that are alerts of the layout, in the order of the keys. */
async function * alertsIn (
  scheme: KeyScheme, range: KeyRange, { store, format, ignored }: AlertKeyOptions, prefix = scheme.alerts
): AsyncGenerator<AlertKey> {
  for await (const key of store.list(prefix, range)) {
    const found = parseAlertKey(scheme, key, format) ?? (scheme === keySchemes.v3 ? parseAlertKey(otherInV3, key, format) : undefined)
    if (found === undefined) ignored?.(key)
    else yield { id: BigInt(found.id), key, ending: found.ending }
  }
}
