// The light curve of an alert: its detections, forced photometry and limits, in the order of time, with the same columns for every schema
// version.
import { unqualified, type RecordNode } from '../avro/schema-tree.ts'
import type { AlertValue } from '../avro/schema.ts'
import type { FramedAlert } from './framed-alert.ts'
import { recordIn, rowsOf } from './records.ts'
import { currentName, unitOf } from './units.ts'

export type PointKind = 'detection' | 'forced' | 'limit'

/** Columns by their names in the newest schema version. Points have null in the columns that their records do not have. */
const fields = [
  'midpointMjdTai', 'band', 'psfFlux', 'psfFluxErr', 'scienceFlux', 'scienceFluxErr', 'templateFlux', 'templateFluxErr', 'diaNoise', 'snr',
  'reliability', 'ra', 'dec', 'visit', 'detector', 'diaSourceId', 'diaForcedSourceId'
] as const
/** `trigger`: whether the point is the source that triggered the alert. */
export const lightCurveColumns = ['kind', 'trigger', ...fields] as const

/** Longs as decimal strings. NaN and infinite numbers are null. */
export type Cell = string | number | boolean | null

/** Where points come from. The triggering source is the first, so a repetition of it among the earlier ones is left out. */
const origins: ReadonlyArray<readonly [field: string, kind: PointKind]> = [
  ['diaSource', 'detection'], ['prvDiaSources', 'detection'], ['prvDiaForcedSources', 'forced'], ['prvDiaNondetectionLimits', 'limit']
]

interface LightCurve {
  readonly diaObjectId: string | null
  readonly ssObjectId: string | null
  /** By column. */
  readonly units: Readonly<Record<string, string>>
  /** By ascending time. Each point has the columns `lightCurveColumns`. */
  readonly points: ReadonlyArray<Readonly<Record<string, Cell>>>
}

/** Throws DATUM_INVALID. */
export function lightCurve ({ schema, datum }: Pick<FramedAlert, 'schema' | 'datum'>): LightCurve {
  const alert = schema.decode(datum)
  const seen = new Set<string>()
  const points = origins.flatMap(([name, kind]) => {
    const type = schema.root.fields.find(field => field.name === name)?.type
    const record = type === undefined ? undefined : recordIn(type)
    if (record === undefined) return []
    const names = namesIn(record)
    return rowsOf(alert[name]).flatMap(row => {
      const id = row['diaSourceId'] ?? row['diaForcedSourceId']
      const key = `${kind} ${String(id)}`
      if (id !== undefined && seen.has(key)) return []
      seen.add(key)
      return [pointOf(row, kind, name === 'diaSource', names)]
    })
  })
  const { diaObjectId, ssObjectId } = (alert['diaSource'] ?? {}) as AlertValue
  return { diaObjectId: text(diaObjectId), ssObjectId: text(ssObjectId), units, points: byTime(points) }
}

/** Sorts points by ascending time, in place. Points without a time are last. */
export function byTime<P extends Readonly<Record<string, Cell>>> (points: P[]): P[] {
  return points.sort((a, b) => Number(a['midpointMjdTai'] ?? Infinity) - Number(b['midpointMjdTai'] ?? Infinity))
}

const units = Object.fromEntries(fields.flatMap(name => {
  const unit = unitOf('diaSource', name)
  return unit === undefined ? [] : [[name, unit]]
}))

/** The light curve as one JSON document. */
export function lightCurveJson (alert: Pick<FramedAlert, 'schema' | 'datum'>): string {
  const { points, ...curve } = lightCurve(alert)
  const head = JSON.stringify(curve).slice(0, -1)
  return `${head},"points":[${points.map(point => `\n${JSON.stringify(point)}`).join()}\n]}\n`
}

/** The light curve as CSV (RFC 4180) with a line of column names. Null is empty. */
export function lightCurveCsv (alert: Pick<FramedAlert, 'schema' | 'datum'>): string {
  const lines = [lightCurveColumns, ...lightCurve(alert).points.map(point => lightCurveColumns.map(name => point[name]))]
  return csvLines(lines)
}

/** Lines of CSV (RFC 4180). Null is empty. */
export function csvLines (lines: ReadonlyArray<ReadonlyArray<Cell | undefined>>): string {
  return lines.map(cells => `${cells.map(csvCell).join()}\r\n`).join('')
}

function csvCell (cell: Cell | undefined): string {
  const value = String(cell ?? '')
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

function pointOf (row: AlertValue, kind: PointKind, trigger: boolean, names: ReadonlyMap<string, string>): Record<string, Cell> {
  const cells = fields.map(name => {
    const own = names.get(name)
    return [name, own === undefined ? null : cellOf(row[own])] as const
  })
  return { kind, trigger, ...Object.fromEntries(cells) }
}

function cellOf (value: unknown): Cell {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'bigint') return value.toString()
  return typeof value === 'string' || typeof value === 'boolean' ? value : null
}

function text (value: unknown): string | null {
  return typeof value === 'bigint' ? value.toString() : null
}

/** The fields of a record by their names in the newest schema version. */
function namesIn (record: RecordNode): ReadonlyMap<string, string> {
  return new Map(record.fields.map(({ name }) => [currentName(unqualified(record.name), name), name]))
}
