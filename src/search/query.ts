// What a query asks for: its SQL condition with bound parameters, and the segments that cannot contain such alerts.
import { otherNight, type SegmentKey } from '../alert-index/segment-key.ts'
import { parseVisit } from '../ids/packed-id.ts'
import { coneBounds, distanceSql, type Cone, type Interval } from './cone.ts'
import type { Parameters } from './parameters.ts'
import type { SegmentStatistics } from './segment-statistics.ts'

export interface AlertQuery {
  /** YYYYMMDD. */
  readonly night?: number | undefined
  readonly visit?: bigint | undefined
  readonly detector?: number | undefined
  readonly diaObjectId?: bigint | undefined
  readonly ssObjectId?: bigint | undefined
  /** Kafka timestamp in ms since 1970, inclusive. */
  readonly since?: number | undefined
  /** Kafka timestamp in ms since 1970, exclusive. */
  readonly until?: number | undefined
  readonly band?: string | undefined
  readonly cone?: Cone | undefined
}

const equalColumns = ['night', 'visit', 'detector', 'diaObjectId', 'ssObjectId'] as const

/** The SQL condition of a query. */
export function conditionSql (query: AlertQuery, parameters: Parameters): string {
  const conditions: string[] = []
  for (const name of equalColumns) {
    const value = query[name]
    if (value !== undefined) conditions.push(`"${name}" = ${parameters.add('BIGINT', BigInt(value))}`)
  }
  if (query.band !== undefined) conditions.push(`"band" = ${parameters.add('VARCHAR', query.band)}`)
  if (query.since !== undefined) conditions.push(`"timestamp" >= ${parameters.add('BIGINT', BigInt(query.since))}`)
  if (query.until !== undefined) conditions.push(`"timestamp" < ${parameters.add('BIGINT', BigInt(query.until))}`)
  if (query.cone !== undefined) conditions.push(...coneConditions(query.cone, parameters))
  return conditions.length === 0 ? 'true' : conditions.join(' AND ')
}

function coneConditions (cone: Cone, parameters: Parameters): string[] {
  const bounds = coneBounds(cone)
  const number = (value: number): string => parameters.add('DOUBLE', value)
  const within = (column: string, { min, max }: Interval): string => `"${column}" BETWEEN ${number(min)} AND ${number(max)}`
  return [
    within('dec', bounds.dec),
    `(${bounds.ra.map(interval => within('ra', interval)).join(' OR ')})`,
    `${distanceSql(number(cone.ra), number(cone.dec))} <= ${number(cone.radius)}`
  ]
}

/** The folders of segments that can contain such alerts. Undefined: any folder. */
export function nightsOf ({ night, visit }: AlertQuery): readonly string[] | undefined {
  if (night !== undefined) return [String(night)]
  const parts = visit === undefined ? undefined : parseVisit(String(visit))
  // The id of an alert may be not packed although its visit is that of a night.
  return parts === undefined ? undefined : [parts.night, otherNight]
}

/** Whether the key of a segment shows that it has no such alerts. */
export function isAfter (query: AlertQuery, { firstTimestamp }: SegmentKey): boolean {
  return query.until !== undefined && firstTimestamp >= query.until
}

/** Whether a segment with these statistics can contain such alerts. */
export function mayContain (query: AlertQuery, { rows, columns }: SegmentStatistics): boolean {
  if (rows === 0) return false
  const overlaps = (name: string, min: number | bigint, max: number | bigint): boolean => {
    const range = columns.get(name)
    // A column without statistics can contain any value.
    return range === undefined || (range.min <= max && range.max >= min)
  }
  for (const name of equalColumns) {
    const value = query[name]
    if (value !== undefined && !overlaps(name, value, value)) return false
  }
  if (!overlaps('timestamp', query.since ?? -Infinity, query.until ?? Infinity)) return false
  if (query.cone === undefined) return true
  const { dec, ra } = coneBounds(query.cone)
  return overlaps('dec', dec.min, dec.max) && ra.some(({ min, max }) => overlaps('ra', min, max))
}
