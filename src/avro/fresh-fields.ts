// Makes an alert one that was taken just now: new ids, or new times, or both, whatever its schema version (3.0 ... 11.1, fields by all the names
// they have had). Only what has to is changed, in place; the rest of the datum stays byte for byte, cutouts included.
// Ids: the alert's own, wherever the packet names it, and its visit; the parent of a deblended source moves along. Objects and earlier
// detections keep theirs: the same sky is seen again. Times: all observation and processing times of the packet move by the same amount, so that
// the differences between them stay. Orbits (epoch, perihelion) are catalogue data and stay.
import { defineErrors } from '../pipeline/errors.ts'
import { schemaErrors } from './errors.ts'
import { patch, scanner, type Edit, type FieldPlace, type Found, type NumberKind } from './patch.ts'
import type { AlertSchema } from './schema.ts'
import { encodeLong } from './varint.ts'
import { frameHeaderLength } from './wire-format.ts'

export const freshErrors = defineErrors({
  FRESH_IDS_USED_UP: { hint: 'Play fewer alerts in a pass: give a smaller --visit-size, or load fewer.', fatal: true }
})

export interface Fresh {
  readonly ids: boolean
  readonly times: boolean
}

/** What an alert becomes. */
interface Renewal {
  /** Seconds since 1970 that name the visit: no other visit has the same. */
  readonly second: number
  /** Number of the alert within its visit. */
  readonly place: number
  /** Days by which its times move. */
  readonly shiftDays: number
}

/** An alert of which the fields to be changed are found. */
interface FoundAlert {
  /** Mid-point of the triggering exposure, MJD TAI, days; undefined where it has none (or NaN), or times stay. */
  readonly midpointMjdTai: number | undefined
  /** The frame with the same schema id, and the new id where ids change. Error: FRESH_IDS_USED_UP. */
  renew (as: Renewal): { readonly frame: Buffer, readonly id: bigint | undefined }
}

export interface Refresher {
  /** Whether the schema has an observation time at all. */
  readonly hasTime: boolean
  /** Looks a frame through. Errors: DATUM_INVALID; SCHEMA_NO_ALERT_ID, where ids are to change. */
  find (frame: Buffer): FoundAlert
}

const SECONDS_PER_DAY = 86_400
const UNIX_EPOCH_MJD = 40_587
/** Since 2017, and no leap second has been announced. */
const TAI_AHEAD_OF_UTC = 37
const MICROS_PER_DAY = 86_400_000_000

const COUNTER_BITS = 22n
const DETECTOR_BITS = 8n
const SECOND_BITS = 32n
/** Counters from here on are of parents, so that none is ever an alert's. */
const PARENT_COUNTER = 1 << 21
/** Alerts that one visit may have. */
export const MOST_FRESH_ALERTS = PARENT_COUNTER

/** Mid-points and all that follows from them, in the survey's spellings of all versions; orbital elements have other names. */
const TIME = /MjdTai$|^(midPointTai|radecTai|validityStart|time_processed|time_withdrawn|firstObservationDate|discoverySubmissionDate)$/
const MIDPOINT = /^(midpointMjdTai|midPointTai)$/

/**
 * 2^62, then the second (32 bits), the detector (8) and the place within the visit (22): below 2^63, above any id of the survey, and
 * unique as long as seconds are.
 */
export function freshId (second: number, detector: number, counter: number): bigint {
  const high = ((1n << 62n) | BigInt.asUintN(Number(SECOND_BITS), BigInt(second)) << (DETECTOR_BITS + COUNTER_BITS))
  return high | BigInt.asUintN(Number(DETECTOR_BITS), BigInt(detector)) << COUNTER_BITS | BigInt(counter)
}

/** As the survey numbers visits: day of observation (it begins at noon, UTC) and, here, the second within it: 2026112343210. */
export function freshVisit (second: number): bigint {
  const sinceNoon = second - SECONDS_PER_DAY / 2
  const day = Math.floor(sinceNoon / SECONDS_PER_DAY)
  const name = new Date(day * SECONDS_PER_DAY * 1000).toISOString().slice(0, 10).replaceAll('-', '')
  return BigInt(name) * 100_000n + BigInt(sinceNoon - day * SECONDS_PER_DAY)
}

/** Modified Julian Date, TAI, of a second since 1970, UTC. */
export function mjdTai (second: number): number {
  return UNIX_EPOCH_MJD + (second + TAI_AHEAD_OF_UTC) / SECONDS_PER_DAY
}

/** `own`: of the triggering source, else of anything that the packet holds beside it. */
type Tag = 'alertId' | 'ownId' | 'anyId' | 'ownParent' | 'ownVisit' | 'anyVisit' | 'ownCcdVisit' | 'anyCcdVisit' | 'detector' | 'ownTime' | 'time'

function tagOf ({ field, root, first }: FieldPlace, kind: NumberKind, fresh: Fresh): Tag | undefined {
  const own = root === 'diaSource'
  if (fresh.ids && kind === 'long') {
    if (first) return 'alertId'
    switch (field) {
      case 'diaSourceId': return own ? 'ownId' : 'anyId'
      case 'parentDiaSourceId': return own ? 'ownParent' : 'anyId'
      case 'visit': return own ? 'ownVisit' : 'anyVisit'
      case 'ccdVisitId': return own ? 'ownCcdVisit' : 'anyCcdVisit'
    }
  }
  if (fresh.ids && own && field === 'detector' && kind === 'int') return 'detector'
  if (!fresh.times || kind === 'int' || !TIME.test(field)) return undefined
  return own && kind === 'double' && MIDPOINT.test(field) ? 'ownTime' : 'time'
}

/** Compiles what has to be found in alerts of a schema. */
export function refresher (schema: AlertSchema, fresh: Fresh): Refresher {
  let hasTime = false
  const scan = scanner<Tag>(schema, (place, kind) => {
    const tag = tagOf(place, kind, fresh)
    if (tag === 'ownTime') hasTime = true
    return tag
  })
  return {
    hasTime,
    find (frame) {
      const { found, blocks } = scan(frame, frameHeaderLength)
      if (fresh.ids && found[0]?.tag !== 'alertId') {
        throw schemaErrors.SCHEMA_NO_ALERT_ID(`the first field of ${schema.name}, ${JSON.stringify(schema.alertIdField)}, is not a long`)
      }
      const midpoint = found.find(({ tag }) => tag === 'ownTime')?.value as number | undefined
      return {
        midpointMjdTai: midpoint !== undefined && Number.isFinite(midpoint) ? midpoint : undefined,
        renew (as) {
          const { id, replace } = fresh.ids ? newIds(found, as) : { id: undefined, replace: () => undefined }
          const edits = found.flatMap((each): Edit[] => {
            const bytes = each.tag === 'ownTime' || each.tag === 'time' ? movedTime(each, as.shiftDays) : replace(each)
            return bytes === undefined ? [] : [{ start: each.start, end: each.end, bytes }]
          })
          return { id, frame: edits.length === 0 ? frame : patch(frame, [...edits, ...blocks]) }
        }
      }
    }
  }
}

function movedTime ({ kind, value }: Found<Tag>, days: number): Buffer | undefined {
  if (kind === 'long') return encodeLong((value as bigint) + BigInt(Math.round(days * MICROS_PER_DAY)))
  // Not known is not known now either; its bytes stay, whichever NaN it is.
  if (!Number.isFinite(value as number)) return undefined
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(value as number + days)
  return bytes
}

function newIds (found: readonly Found<Tag>[], { second, place }: Renewal) {
  if (place >= MOST_FRESH_ALERTS) throw freshErrors.FRESH_IDS_USED_UP(`a visit has new ids for ${MOST_FRESH_ALERTS} alerts, this is its alert ${place + 1}`)
  const long = (wanted: Tag): bigint | undefined => found.find(({ tag }) => tag === wanted)?.value as bigint | undefined
  const old = { id: long('alertId'), sourceId: long('ownId'), visit: long('ownVisit'), ccdVisit: long('ownCcdVisit') }
  // Schemas up to 6.1 have no detector, but number it within the visit.
  const detector = found.find(({ tag }) => tag === 'detector')?.value as number | undefined ?? Number((old.ccdVisit ?? 0n) % 1000n)
  const id = freshId(second, detector, place)
  const visit = freshVisit(second)
  const ccdVisit = visit * 1000n + BigInt(detector)
  // 0 stands for not known, or none.
  const replace = ({ tag, value }: Found<Tag>): Buffer | undefined => {
    switch (tag) {
      case 'alertId':
      case 'ownId': return encodeLong(id)
      case 'anyId': return value === old.id || value === old.sourceId ? encodeLong(id) : undefined
      case 'ownParent':
        if (value === old.id || value === old.sourceId) return encodeLong(id)
        return value === 0n ? undefined : encodeLong(freshId(second, detector, parentCounter(value as bigint)))
      case 'ownVisit': return encodeLong(visit)
      case 'ownCcdVisit': return encodeLong(ccdVisit)
      case 'anyVisit': return value === old.visit && value !== 0n ? encodeLong(visit) : undefined
      case 'anyCcdVisit': return value === old.ccdVisit && value !== 0n ? encodeLong(ccdVisit) : undefined
      default: return undefined
    }
  }
  return { id, replace }
}

/** Children of the same parent go on having the same one. */
function parentCounter (old: bigint): number {
  return PARENT_COUNTER + Number(BigInt.asUintN(64, old * 0x9e3779b97f4a7c15n) >> 43n)
}
