// Lists the ids of archived alerts by key ranges, without an index. The layouts of a store are merged, and an alert that is stored under
// several keys is listed once. The listing streams: it holds one key of each layout, and one folder of layout v3.
import { isIn, unpack, type IdRange, type PackedIdFormat } from '../ids/packed-id.ts'
import { allKeySchemes, alertName, keyRanges, keySchemes, packedFolder, parseAlertKey, type KeyScheme } from './layouts.ts'
import type { KeyRange, ObjectStore } from './object-store.ts'

export interface ListedAlert {
  readonly id: string
  /** Keys of its objects, more than one if the alert is stored in several layouts. */
  readonly keys: readonly string[]
}

interface Found { readonly id: bigint, readonly key: string }

interface ListingOptions {
  readonly store: Pick<ObjectStore, 'list'>
  readonly format: PackedIdFormat
  /** The layouts to list. */
  readonly schemes: readonly KeyScheme[]
}

const largestId = (1n << 63n) - 1n
const mostDigits = 19

/**
 * Alerts whose ids are in the ranges, in the order of night, visit, detector, id. Each range has one tag, and the ranges differ in their
 * tags only, as those of `idRanges`. Rejects with a STORE_* error.
 */
export function listAlerts (ranges: readonly IdRange[], options: ListingOptions): AsyncGenerator<ListedAlert> {
  const { day, sequence, detector, counter } = options.format.bits
  const place = (id: bigint): bigint => BigInt.asUintN(day + sequence + detector + counter, id) >> BigInt(counter)
  const streams = options.schemes.flatMap(scheme => {
    const inRanges = (each: KeyScheme) => ranges.map(range => inIdOrder(each, range, options))
    return scheme === keySchemes.v3 ? [inV3(ranges, options), ...inRanges(otherInV3)] : inRanges(scheme)
  })
  return merge(streams, (a, b) => place(a) === place(b) ? a < b : place(a) < place(b))
}

/**
 * Alerts whose ids begin with the decimal digits, in the order of the text of the ids, which is also that of the keys. No digits: all
 * alerts. Rejects with a STORE_* error.
 */
export function listByPrefix (digits: string, options: ListingOptions): AsyncGenerator<ListedAlert> {
  const { tags, bits } = options.format
  const shift = BigInt(bits.day + bits.sequence + bits.detector + bits.counter)
  // Layout v3 is in the order of the ids only if they have the same tag and the same number of digits.
  const packed = tags.flatMap(tag => rangesOf(digits).map(({ first, last }) => {
    const [lowest, highest] = [BigInt(tag) << shift, (BigInt(tag + 1) << shift) - 1n]
    return { first: first > lowest ? first : lowest, last: min(last, highest) }
  })).filter(({ first, last }) => first <= last)
  const streams = options.schemes.flatMap(scheme => scheme === keySchemes.v3
    ? [inTextOrder(otherInV3, digits, options), ...packed.map(range => inV3([range], options))]
    : [inTextOrder(scheme, digits, options)])
  return merge(streams, (a, b) => a.toString() < b.toString())
}

/** Merges streams that are sorted in the same order. */
async function * merge (
  streams: ReadonlyArray<AsyncGenerator<Found>>, isBefore: (a: bigint, b: bigint) => boolean
): AsyncGenerator<ListedAlert> {
  try {
    const heads = await Promise.all(streams.map(async stream => ({ stream, found: await next(stream) })))
    for (;;) {
      let id: bigint | undefined
      for (const { found } of heads) if (found !== undefined && (id === undefined || isBefore(found.id, id))) id = found.id
      if (id === undefined) return
      const keys: string[] = []
      for (const head of heads) {
        for (; head.found?.id === id; head.found = await next(head.stream)) keys.push(head.found.key)
      }
      yield { id: id.toString(), keys }
    }
  } finally {
    await Promise.all(streams.map(stream => stream.return(undefined)))
  }
}

/** The ids that begin with the decimal digits: one range for each number of digits. */
function rangesOf (digits: string): IdRange[] {
  const shortest = Math.max(1, digits.length)
  // Ids have no leading zeros.
  const longest = digits.startsWith('0') ? 1 : mostDigits
  return Array.from({ length: Math.max(0, longest - shortest + 1) }, (_, n) => {
    const length = shortest + n
    const last = BigInt(digits.padEnd(length, '9'))
    return { first: BigInt(digits === '' && length > 1 ? '1'.padEnd(length, '0') : digits.padEnd(length, '0')), last: min(last, largestId) }
  })
}

function min (a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** The layouts that have alerts. Rejects with a STORE_* error. */
export async function usedKeySchemes (store: Pick<ObjectStore, 'list'>): Promise<readonly KeyScheme[]> {
  const used = await Promise.all(allKeySchemes.map(async scheme => {
    for await (const _key of store.list(scheme.alerts, { limit: 1 })) return [scheme]
    return []
  }))
  return used.flat()
}

/** The part of layout v3 for ids that are not packed. */
const otherInV3: KeyScheme = { ...keySchemes.v2, name: 'v3', alerts: `${keySchemes.v3.alerts}other/`, endings: keySchemes.v3.endings }

/** The alerts of a range, in any layout but v3. */
async function * inIdOrder (scheme: KeyScheme, range: IdRange, options: ListingOptions): AsyncGenerator<Found> {
  for (const { ids, keys } of keyRanges(scheme, range, options.format)) {
    for await (const found of alertsIn(scheme, keys, options)) if (isIn(ids, found.id)) yield found
  }
}

/** The alerts whose ids begin with the digits, in a layout whose keys are in the order of the text of the ids. */
async function * inTextOrder (scheme: KeyScheme, digits: string, options: ListingOptions): AsyncGenerator<Found> {
  // Shorter ids have folders of their own.
  const prefix = digits.length < 6 ? scheme.alerts + digits : alertName(scheme, digits, options.format)
  yield * alertsIn(scheme, {}, options, prefix)
}

/** The packed alerts of layout v3: its folders are in the order of night, visit and detector. */
async function * inV3 (ranges: readonly IdRange[], options: ListingOptions): AsyncGenerator<Found> {
  const { format } = options
  const packed = ranges.find(({ first }) => format.tags.includes(unpack(first, format).tag))
  if (packed === undefined) return
  const { alerts } = keySchemes.v3
  const [from, end] = [packed.first, packed.last].map(id => alerts + packedFolder(unpack(id, format)))
  const inRange = ({ id }: Found): boolean => ranges.some(range => isIn(range, id))
  let folder = ''
  let found: Found[] = []
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
function inOrder (found: Found[]): Found[] {
  return found.sort((a, b) => a.id < b.id ? -1 : 1)
}

/** The objects in a range of keys that are alerts of the layout, in the order of the keys. */
async function * alertsIn (
  scheme: KeyScheme, range: KeyRange, { store, format }: ListingOptions, prefix = scheme.alerts
): AsyncGenerator<Found> {
  for await (const key of store.list(prefix, range)) {
    const found = parseAlertKey(scheme, key, format)
    if (found !== undefined) yield { id: BigInt(found.id), key }
  }
}

async function next (stream: AsyncGenerator<Found>): Promise<Found | undefined> {
  const { done, value } = await stream.next()
  return done === true ? undefined : value as Found
}
