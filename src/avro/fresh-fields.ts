// Gives an alert of any schema version (3.0 to 11.1) new ids, new times or both. All other bytes stay unchanged.
// Ids: the alert id and the visit number change everywhere in the packet, and so does the parent id of the triggering source. New ids are
// packed like Rubin's and agree with visit and detector. The ids of objects and of earlier detections stay: the sky is the same.
// Times: all observation and processing times shift by the same amount. Orbital elements (epoch, perihelion) stay: they are catalogue data.
import { nightAt } from '../ids/night.ts'
import { detectors, encodeId, rubinIds, visitNumber, type VisitParts } from '../ids/packed-id.ts'
import { defineErrors } from '../pipeline/errors.ts'
import { patch, scanner, type Edit, type FieldPath, type FoundField, type NumberKind } from './patch.ts'
import { noAlertId, type AlertSchema } from './schema.ts'
import { encodeLong } from './varint.ts'
import { frameHeaderLength } from './wire-format.ts'

const freshErrors = defineErrors({
  FRESH_IDS_USED_UP: { hint: 'Play fewer alerts per visit: set a smaller --visit-size, or load fewer alerts.', fatal: true }
})

/** Which fields of an alert to renew, that is, to give new values. */
export interface Fresh {
  readonly ids: boolean
  readonly times: boolean
}

interface Renewal {
  /** Start of the visit in seconds since 1970, a multiple of `freshVisitSeconds`. Must be unique per visit. */
  readonly second: number
  /** Index of the alert within its visit, from 0. */
  readonly index: number
  /** Time shift in days. */
  readonly shiftDays: number
}

/** An alert frame in which the fields to renew have been found. */
interface FoundAlert {
  /** Mid-point of the triggering exposure (MJD, TAI, days). undefined if the field is absent or NaN, or if times are not renewed. */
  readonly midpointMjdTai: number | undefined
  /** Returns the renewed frame with the same schema id, and the new alert id if ids are renewed. Error: FRESH_IDS_USED_UP. */
  renew (as: Renewal): { readonly frame: Buffer, readonly id: bigint | undefined }
}

export interface Refresher {
  /** Whether times are renewed and the schema has a field for the mid-point of the triggering exposure. */
  readonly hasTime: boolean
  /** Finds the fields to renew. Errors: DATUM_INVALID, and SCHEMA_NO_ALERT_ID if ids are renewed. */
  find (frame: Buffer): FoundAlert
}

const SECONDS_PER_DAY = 86_400
const UNIX_EPOCH_MJD = 40_587
/** TAI minus UTC in seconds, since 2017. */
const TAI_MINUS_UTC = 37
const MICROS_PER_DAY = 86_400_000_000

/** Tag of ids from prompt processing. */
const PROMPT = 2
/** Lowest counter for parent ids. The counters of alerts are lower, so no parent id equals an alert id. */
const PARENT_COUNTER = 1 << (rubinIds.bits.counter - 1)
/** Detectors without a number of their own, or with one that no camera has, become one of the science detectors. */
const SCIENCE_DETECTORS = 189

/**
 * Seconds between the earliest possible starts of two visits with new ids. A night of 86,400 s has 28,800 visits, because a packed id has
 * 32,768 sequence numbers.
 */
export const freshVisitSeconds = 3

/** Names of observation and processing times in all schema versions. Orbital elements have other names. */
const TIME = /MjdTai$|^(midPointTai|radecTai|validityStart|time_processed|time_withdrawn|firstObservationDate|discoverySubmissionDate)$/
const MIDPOINT = /^(midpointMjdTai|midPointTai)$/

/** The visit that starts at `second`. The night (day_obs) begins at noon UTC. */
function freshVisit (second: number): VisitParts {
  const sinceNoon = second - SECONDS_PER_DAY / 2
  const sinceStart = sinceNoon - Math.floor(sinceNoon / SECONDS_PER_DAY) * SECONDS_PER_DAY
  return { night: nightAt(second * 1000), sequence: Math.floor(sinceStart / freshVisitSeconds) }
}

/** Modified Julian Date, TAI, of a UTC time in seconds since 1970. */
export function mjdTai (second: number): number {
  return UNIX_EPOCH_MJD + (second + TAI_MINUS_UTC) / SECONDS_PER_DAY
}

/** Tags of fields. Prefix `own`: the field belongs to the triggering source. Prefix `any`: it belongs to another source in the packet. */
type Tag =
  | 'alertId' | 'ownId' | 'anyId' | 'ownParent' | 'ownVisit' | 'anyVisit' | 'ownCcdVisit' | 'anyCcdVisit' | 'detector' | 'ownTime' | 'time'

function tagOf ({ field, root, first }: FieldPath, kind: NumberKind, fresh: Fresh): Tag | undefined {
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

/** Compiles a refresher for the alerts of a schema. */
export function refresher (schema: AlertSchema, fresh: Fresh): Refresher {
  let hasTime = false
  const scan = scanner<Tag>(schema, (path, kind) => {
    const tag = tagOf(path, kind, fresh)
    if (tag === 'ownTime') hasTime = true
    return tag
  })
  return {
    hasTime,
    find (frame) {
      const { found, blocks } = scan(frame, frameHeaderLength)
      if (fresh.ids && found[0]?.tag !== 'alertId') throw noAlertId(schema)
      const midpoint = found.find(({ tag }) => tag === 'ownTime')?.value as number | undefined
      return {
        midpointMjdTai: midpoint !== undefined && Number.isFinite(midpoint) ? midpoint : undefined,
        renew (as) {
          const { id, replace } = fresh.ids ? newIds(found, as) : { id: undefined, replace: () => undefined }
          const edits = found.flatMap((each): Edit[] => {
            const bytes = each.tag === 'ownTime' || each.tag === 'time' ? shiftedTime(each, as.shiftDays) : replace(each)
            return bytes === undefined ? [] : [{ start: each.start, end: each.end, bytes }]
          })
          return { id, frame: edits.length === 0 ? frame : patch(frame, [...edits, ...blocks]) }
        }
      }
    }
  }
}

function shiftedTime ({ kind, value }: FoundField<Tag>, days: number): Buffer | undefined {
  if (kind === 'long') return encodeLong((value as bigint) + BigInt(Math.round(days * MICROS_PER_DAY)))
  // NaN means an unknown time and stays unchanged.
  if (!Number.isFinite(value as number)) return undefined
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(value as number + days)
  return bytes
}

function newIds (found: readonly FoundField<Tag>[], { second, index }: Renewal) {
  if (index >= PARENT_COUNTER) {
    throw freshErrors.FRESH_IDS_USED_UP(`alert ${index + 1} of the visit has no new id: a visit has ids for ${PARENT_COUNTER} alerts`)
  }
  const long = (wanted: Tag): bigint | undefined => found.find(({ tag }) => tag === wanted)?.value as bigint | undefined
  const old = { id: long('alertId'), sourceId: long('ownId'), visit: long('ownVisit'), ccdVisit: long('ownCcdVisit') }
  // Schemas up to 6.1 have no detector field: the last three digits of ccdVisitId are the detector number.
  const given = found.find(({ tag }) => tag === 'detector')?.value as number | undefined ?? Number((old.ccdVisit ?? 0n) % 1000n)
  const detector = given >= 0 && given < detectors ? given : Math.abs(given % SCIENCE_DETECTORS)
  const parts = { ...freshVisit(second), tag: PROMPT, detector }
  const id = encodeId({ ...parts, counter: index })
  const visit = visitNumber(parts)
  const ccdVisit = visit * 1000n + BigInt(detector)
  // In parent ids and in the other sources, 0 means unknown or none and stays unchanged. In the triggering source it is replaced.
  const replace = ({ tag, value }: FoundField<Tag>): Buffer | undefined => {
    switch (tag) {
      case 'alertId':
      case 'ownId': return encodeLong(id)
      case 'anyId': return value === old.id || value === old.sourceId ? encodeLong(id) : undefined
      case 'ownParent':
        if (value === old.id || value === old.sourceId) return encodeLong(id)
        return value === 0n ? undefined : encodeLong(encodeId({ ...parts, counter: parentCounter(value as bigint) }))
      case 'detector': return value === detector ? undefined : encodeLong(BigInt(detector))
      case 'ownVisit': return encodeLong(visit)
      case 'ownCcdVisit': return encodeLong(ccdVisit)
      case 'anyVisit': return value === old.visit && value !== 0n ? encodeLong(visit) : undefined
      case 'anyCcdVisit': return value === old.ccdVisit && value !== 0n ? encodeLong(ccdVisit) : undefined
      default: return undefined
    }
  }
  return { id, replace }
}

/** Returns a hash of the old parent id, so that sources that shared a parent id also share the new one. */
function parentCounter (old: bigint): number {
  return PARENT_COUNTER + Number(BigInt.asUintN(64, old * 0x9e3779b97f4a7c15n) >> 46n)
}
