// The statistics in the footers of segments, by which queries skip segments.
import type { SegmentSummary } from '../alert-index/revision.ts'
import type { ColumnValues, Engine } from './engine.ts'
import { Parameters } from './parameters.ts'

/** Ids of `first` to `last`, both inclusive. */
export interface IdSpan { readonly first: bigint, readonly last: bigint }

/** Least and greatest value of a column in a segment. */
interface ColumnRange { readonly min: number | bigint, readonly max: number | bigint }

export interface SegmentStatistics {
  readonly rows: number
  /** By column. Columns whose range is not known have none. */
  readonly columns: ReadonlyMap<string, ColumnRange>
}

/** The range of the ids of a file. If it is not known, that of all ids. */
export function idRange ({ columns }: Pick<SegmentStatistics, 'columns'>): ColumnRange {
  return columns.get('id') ?? { min: -Infinity, max: Infinity }
}

/** The columns of which ranges are kept. */
const integerColumns: readonly string[] = ['id', 'night', 'visit', 'detector', 'diaObjectId', 'ssObjectId', 'timestamp']
const numberColumns: readonly string[] = ['ra', 'dec']
const rangedColumns = [...integerColumns, ...numberColumns]
/** The range of a column without values. */
const nothing: ColumnRange = { min: Infinity, max: -Infinity }

/** Reads the footers of files. Resolves to the statistics in the order of the paths. Rejects like `Engine.query`. */
export async function readStatistics (
  engine: Pick<Engine, 'query'>, paths: readonly string[], signal: AbortSignal
): Promise<SegmentStatistics[]> {
  const parameters = new Parameters()
  const [files = [], ...values] = await engine.query(footersSql(parameters, paths), parameters.list, signal)
  const rowOf = new Map(files.map((file, row) => [file, row]))
  return paths.map(path => statisticsOf(values, rowOf.get(path)))
}

/** One row for each file: its name, its number of rows, then for each column whether its range is known, and the range. */
function footersSql (parameters: Parameters, paths: readonly string[]): string {
  const ofColumn = rangedColumns.map(name => {
    const isColumn = `path_in_schema = '${name}'`
    const type = numberColumns.includes(name) ? 'DOUBLE' : 'BIGINT'
    return [
      // A row group without values has no range.
      `bool_and(stats_null_count = num_values OR (stats_min_value IS NOT NULL AND stats_max_value IS NOT NULL)) FILTER (${isColumn})`,
      `min(TRY_CAST(stats_min_value AS ${type})) FILTER (${isColumn})`,
      `max(TRY_CAST(stats_max_value AS ${type})) FILTER (${isColumn})`
    ].join(', ')
  })
  const rows = 'CAST(sum(row_group_num_rows) FILTER (column_id = 0) AS DOUBLE)'
  return `SELECT file_name, ${rows}, ${ofColumn.join(', ')} FROM parquet_metadata(${parameters.add('VARCHAR[]', paths)}) GROUP BY file_name`
}

function statisticsOf (values: readonly ColumnValues[], row: number | undefined): SegmentStatistics {
  if (row === undefined) return { rows: 0, columns: new Map() }
  const [rows, ...ranges] = values.map(column => column[row])
  const columns = new Map<string, ColumnRange>()
  rangedColumns.forEach((name, index) => {
    const [known, min, max] = ranges.slice(3 * index, 3 * index + 3)
    if (known !== true) return
    columns.set(name, { min: (min ?? nothing.min) as number | bigint, max: (max ?? nothing.max) as number | bigint })
  })
  return { rows: Number(rows), columns }
}

/** The statistics as a manifest holds them. */
export function summaryOf ({ rows, columns }: SegmentStatistics): SegmentSummary {
  const text = (value: number | bigint): number | string => typeof value === 'bigint' ? String(value) : value
  // JSON has no infinite numbers. A column without a range may have any value.
  const known = [...columns].filter(([, { min, max }]) => min > max || [min, max].every(end => Number.isFinite(Number(end))))
  const ranges = known.map(([name, { min, max }]) => [name, min > max ? null : [text(min), text(max)]] as const)
  return { rows, ranges: Object.fromEntries(ranges) as SegmentSummary['ranges'] }
}

export function statisticsOfSummary ({ rows, ranges }: SegmentSummary): SegmentStatistics {
  const value = (text: number | string): number | bigint => typeof text === 'string' ? BigInt(text) : text
  return {
    rows,
    columns: new Map(Object.entries(ranges).map(([name, range]) =>
      [name, range === null ? nothing : { min: value(range[0]), max: value(range[1]) }]))
  }
}
