// The SQL statements of a search. A page is found in steps, so that each step reads few columns of few segments: ids, then rows.
import { columns, type ColumnName } from './columns.ts'
import { Parameters, type Parameter } from './parameters.ts'
import { conditionSql, type AlertQuery } from './query.ts'
import type { IdSpan } from './segment-statistics.ts'

export interface Statement { readonly sql: string, readonly parameters: readonly Parameter[] }

/** A statement whose values are bound parameters. */
export function statement (write: (parameters: Parameters) => string): Statement {
  const parameters = new Parameters()
  return { sql: write(parameters), parameters: parameters.list }
}

export const parquet = (parameters: Parameters, paths: readonly string[]): string => `read_parquet(${parameters.add('VARCHAR[]', paths)})`
/** Deliveries of a frame in the order in which the first one is shown. */
const deliveryOrder = ['timestamp', 'topic', 'partition', 'offset'].map(name => `"${name}" NULLS LAST`).join(', ')
/** Condition of QUALIFY. */
export const isFirstDelivery = `row_number() OVER (PARTITION BY "id", "sha256" ORDER BY ${deliveryOrder}) = 1`
const bigint = (parameters: Parameters, value: bigint): string => parameters.add('BIGINT', value)
/** A subquery of the ids. To bind a text is several times faster than to bind a list. */
const listSql = (parameters: Parameters, ids: readonly bigint[]): string =>
  `SELECT CAST(unnest(string_split(${parameters.add('VARCHAR', ids.join(','))}, ',')) AS BIGINT)`
const within = (parameters: Parameters, { first, last }: IdSpan): string =>
  `"id" BETWEEN ${bigint(parameters, first)} AND ${bigint(parameters, last)}`

interface PageBounds {
  /** Only later ids. */
  readonly after: bigint | undefined
  /** Only earlier ids. */
  readonly before: bigint | undefined
  /** Maximum number of rows. */
  readonly rows: number
  /** Whether each id has one row, of any of its deliveries. All matching rows are then read. */
  readonly distinct: boolean
}

/**
 * Id and JSON of the first matching rows between two ids, by ascending id. Unless `distinct`, an alert that was delivered several times has
 * several rows.
 */
export function pageStatement (
  paths: readonly string[], query: AlertQuery, { after, before, rows, distinct }: PageBounds, names: readonly ColumnName[]
): Statement {
  return statement(parameters => {
    const bounds = [
      ...after === undefined ? [] : [`"id" > ${bigint(parameters, after)}`],
      ...before === undefined ? [] : [`"id" < ${bigint(parameters, before)}`]
    ]
    // The JSON is made of the rows of the page only.
    const selected = `SELECT ${distinct ? 'DISTINCT ON ("id") ' : ''}* FROM ${parquet(parameters, paths)} ` +
      `WHERE ${[conditionSql(query, parameters), ...bounds].join(' AND ')} ` +
      `ORDER BY "id" LIMIT ${bigint(parameters, BigInt(rows))}`
    return `SELECT "id", ${jsonSql(names)} FROM (${selected}) ORDER BY "id"`
  })
}

/**
 * The ids that have several rows: the frame was delivered several times, or there are several frames.
 * @param ids in ascending order
 * @param dense whether the files have few other ids. The result may then contain ids between these.
 */
export function repeatedIdsStatement (paths: readonly string[], ids: readonly bigint[], dense: boolean): Statement {
  return statement(parameters => {
    // Without the span, files and row groups could not be skipped.
    const inSpan = within(parameters, { first: ids[0]!, last: ids.at(-1)! })
    return `SELECT "id" FROM ${parquet(parameters, paths)} WHERE ${inSpan} ` +
      `${dense ? '' : `AND "id" IN (${listSql(parameters, ids)}) `}GROUP BY "id" HAVING count(*) > 1`
  })
}

/** The ids that match in `paths` and have a row in `all` that does not match. */
export function differingStatement (paths: readonly string[], all: readonly string[], query: AlertQuery, span: IdSpan): Statement {
  return statement(parameters => {
    const condition = conditionSql(query, parameters)
    const inSpan = within(parameters, span)
    const matching = `SELECT "id" FROM ${parquet(parameters, paths)} WHERE ${condition} AND ${inSpan}`
    return `SELECT "id" FROM ${parquet(parameters, all)} WHERE ${inSpan} AND "id" IN (${matching}) GROUP BY "id" ` +
      `HAVING NOT bool_and(coalesce(${condition}, false))`
  })
}

/** Number of distinct ids in `paths` that are not in `others`. */
export function newIdsStatement (paths: readonly string[], others: readonly string[]): Statement {
  return statement(parameters => {
    const known = others.length === 0 ? '' : ` WHERE "id" NOT IN (SELECT "id" FROM ${parquet(parameters, others)})`
    return `SELECT count(DISTINCT "id") FROM ${parquet(parameters, paths)}${known}`
  })
}

/**
 * Id, SHA-256, whether it matches, and JSON of each frame of the ids, by ascending id. Of the deliveries of a frame, the one with the
 * lowest timestamp, topic, partition and offset is read. The frames of an id are in the order of their deliveries.
 * @param ids in ascending order
 */
export function framesStatement (
  paths: readonly string[], query: AlertQuery, ids: readonly bigint[], names: readonly ColumnName[]
): Statement {
  return statement(parameters => {
    const first = `SELECT *, coalesce(${conditionSql(query, parameters)}, false) AS "matches" FROM ${parquet(parameters, paths)} ` +
      `WHERE ${within(parameters, { first: ids[0]!, last: ids.at(-1)! })} AND "id" IN (${listSql(parameters, ids)}) ` +
      `QUALIFY ${isFirstDelivery}`
    return `SELECT "id", lower(hex("sha256")), "matches", ${jsonSql(names)} FROM (${first}) ORDER BY "id", ${deliveryOrder}`
  })
}

/** Number of alerts that match, and their least and greatest ids. */
export function countStatement (paths: readonly string[], query: AlertQuery): Statement {
  return statement(parameters => 'SELECT count(DISTINCT "id"), min("id"), max("id") ' +
    `FROM ${parquet(parameters, paths)} WHERE ${conditionSql(query, parameters)}`)
}

/** A JSON object in the order of the columns. */
function jsonSql (names: readonly ColumnName[]): string {
  return `CAST(to_json({${names.map(name => `'${name}': ${columns[name].sql}`).join(', ')}}) AS VARCHAR)`
}
