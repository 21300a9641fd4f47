// The tables of a check of one night, in DuckDB, which sorts and joins on the disk what does not fit into its memory: the frames of the
// archive's objects, and the frames of the index's rows. All comparisons are joins of the two.
import type { Engine } from '../search/engine.ts'
import { Parameters, type Parameter } from '../search/parameters.ts'
import type { HashedAlert } from './archived-hashes.ts'
import type { NightProblem, NightReport } from './night-report.ts'

/** A segment, its local copy, and whether the newest manifest covers it. */
export interface ReadableSegment {
  readonly key: string
  readonly path: string
  readonly covered: boolean
}

type Text = string | null

const hex = (column: string): string => `lower(hex(${column}))`

/** Queries of problems. The first column of each is the id, and all are read as texts. The `key` of a problem is a segment's number. */
const queries: ReadonlyArray<{ readonly sql: string, readonly problem: (columns: readonly Text[]) => NightProblem }> = [
  {
    sql: `SELECT a."id", ${hex('a."sha256"')} FROM archived a WHERE NOT EXISTS (FROM frames f WHERE f."id" = a."id")`,
    problem: ([id, sha256]) => ({
      problem: 'not-indexed', object: 'alert', alertId: id!,
      reason: `the archive has the alert${sha256 === null ? '' : ` with SHA-256 ${sha256}`}, but the index has no row`
    })
  },
  {
    sql: `SELECT f."id", ${hex('f."sha256"')}, f."segment" FROM frames f WHERE NOT EXISTS (FROM archived a WHERE a."id" = f."id")`,
    problem: ([id, sha256, segment]) => ({
      problem: 'orphan', object: 'row', alertId: id!, key: segment!,
      reason: `the index has a row with SHA-256 ${sha256}, but the archive has no object`
    })
  },
  {
    sql: `SELECT a."id", ${hex('a."sha256"')}, string_agg(${hex('f."sha256"')}, ', ' ORDER BY f."sha256") ` +
      'FROM archived a JOIN frames f ON f."id" = a."id" WHERE a."sha256" IS NOT NULL ' +
      'AND NOT EXISTS (FROM frames s WHERE s."id" = a."id" AND s."sha256" = a."sha256") GROUP BY ALL',
    problem: ([id, archived, indexed]) => ({
      problem: 'different', object: 'alert', alertId: id!,
      reason: `the object holds a frame with SHA-256 ${archived}, but the index has a row with ${indexed}`
    })
  },
  {
    sql: `SELECT f."id", string_agg(${hex('f."sha256"')}, ', ' ORDER BY f."sha256"), any_value(a."sha256") FROM frames f ` +
      `LEFT JOIN (SELECT "id", ${hex('min("sha256")')} AS "sha256" FROM archived GROUP BY "id") a ON a."id" = f."id" ` +
      'WHERE f."id" IN (SELECT "id" FROM frames GROUP BY "id" HAVING count(*) > 1) GROUP BY f."id"',
    problem: ([id, indexed, archived]) => ({
      problem: 'conflict', object: 'row', alertId: id!,
      reason: `the index has several frames of the alert, with SHA-256 ${indexed}; the archive has ${archived ?? 'none'}`
    })
  },
  {
    sql: `SELECT "id", ${hex('"sha256"')}, "repeatedIn", "most" FROM frames WHERE "most" > 1`,
    problem: ([id, sha256, segment, rows]) => ({
      problem: 'duplicate', object: 'row', alertId: id!, key: segment!,
      reason: `the segment has ${rows} rows of one delivery of the frame with SHA-256 ${sha256}`
    })
  }
]

const uncounted: (typeof queries)[number] = {
  sql: `SELECT "id", ${hex('"sha256"')}, "segment" FROM frames WHERE NOT "counted"`,
  problem: ([id, sha256, segment]) => ({
    problem: 'uncounted', object: 'row', alertId: id!, key: segment!,
    reason: `the newest manifest covers no segment with the frame with SHA-256 ${sha256}`
  })
}

/** All methods reject with SEARCH_MEMORY, and those that read the index with the reason of the signal. */
export class NightTables {
  readonly #engine: Pick<Engine, 'query' | 'stream'>
  readonly #signal: AbortSignal
  /** Keys of the segments, by number. */
  #keys: readonly string[] = []

  constructor (engine: Pick<Engine, 'query' | 'stream'>, signal: AbortSignal) {
    this.#engine = engine
    this.#signal = signal
  }

  async create (): Promise<void> {
    await this.#run('CREATE TABLE archived ("id" BIGINT, "sha256" BLOB)')
  }

  /** An alert has one row for each distinct frame in its objects, and one without SHA-256 if one of them is damaged. */
  async addArchived (alerts: readonly HashedAlert[]): Promise<void> {
    const rows = alerts.flatMap(({ id, objects }) => {
      const found = objects.filter(({ sha256, damage }) => sha256 !== undefined || damage !== undefined)
      return [...new Set(found.map(({ sha256 = '' }) => sha256))].map(sha256 => ({ id: BigInt(id), sha256 }))
    })
    const parameters = new Parameters()
    const ids = parameters.add('BIGINT[]', rows.map(({ id }) => id))
    const hashes = parameters.add('VARCHAR[]', rows.map(({ sha256 }) => sha256))
    // Without the signal of a stop, after which the alerts in flight are still added.
    await this.#engine.query('INSERT INTO archived SELECT "id", unhex(nullif("sha256", \'\')) ' +
      `FROM (SELECT unnest(${ids}) AS "id", unnest(${hashes}) AS "sha256")`, parameters.list, new AbortController().signal)
  }

  /** Reads the rows of the segments. Also rejects with SEGMENT_DAMAGED. */
  async readFrames (segments: readonly ReadableSegment[]): Promise<void> {
    this.#keys = segments.map(({ key }) => key)
    if (segments.length === 0) {
      await this.#run('CREATE TABLE frames ("id" BIGINT, "sha256" BLOB, "rows" INTEGER, "most" INTEGER, "segment" INTEGER, ' +
        '"repeatedIn" INTEGER, "counted" BOOLEAN)')
      return
    }
    const parameters = new Parameters()
    const paths = segments.map(({ path }) => path)
    const covered = parameters.add('BIGINT[]', segments.map(each => each.covered ? 1n : 0n))
    const numbers = parameters.add('BIGINT[]', segments.map((_, index) => BigInt(index)))
    const table = `SELECT unnest(${parameters.add('VARCHAR[]', paths)}) AS "path", CAST(unnest(${numbers}) AS INTEGER) AS "number", ` +
      `unnest(${covered}) = 1 AS "covered"`
    const delivery = '"id", "sha256", "number", "covered", "topic", "partition", "offset"'
    const rows = `SELECT ${delivery}, CAST(count(*) AS INTEGER) AS "count" ` +
      `FROM read_parquet(${parameters.add('VARCHAR[]', paths)}, filename = true) r JOIN (${table}) s ON r.filename = s."path" GROUP BY ALL`
    await this.#run('CREATE TABLE frames AS SELECT "id", "sha256", CAST(sum("count") AS INTEGER) AS "rows", max("count") AS "most", ' +
      'min("number") AS "segment", arg_max("number", "count") AS "repeatedIn", bool_or("covered") AS "counted" ' +
      `FROM (${rows}) GROUP BY "id", "sha256"`, parameters.list)
  }

  /** Reports each difference between archive and index, by kind, then id. `manifest`: whether the index has a manifest. */
  async compare (report: Pick<NightReport, 'add'>, manifest: boolean): Promise<void> {
    for (const { sql, problem } of manifest ? [...queries, uncounted] : queries) {
      await this.#engine.stream(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT * FROM (${sql}) ORDER BY 1)`, [], this.#signal,
        async columns => {
          const rows = columns[0]?.length ?? 0
          for (let row = 0; row < rows; row++) {
            const found = problem(columns.map(values => values[row] as Text))
            await report.add({ ...found, key: found.key === undefined ? undefined : this.#keys[Number(found.key)] })
          }
        })
    }
  }

  async counts (): Promise<{ readonly rows: number, readonly frames: number, readonly verified: number }> {
    const columns = await this.#engine.query('SELECT (SELECT CAST(coalesce(sum("rows"), 0) AS DOUBLE) FROM frames), ' +
      '(SELECT CAST(count(*) AS DOUBLE) FROM frames), (SELECT CAST(count(DISTINCT a."id") AS DOUBLE) FROM archived a ' +
      'JOIN frames f ON f."id" = a."id" AND f."sha256" = a."sha256")', [], this.#signal)
    const [rows = 0, frames = 0, verified = 0] = columns.map(([value]) => Number(value))
    return { rows, frames, verified }
  }

  async #run (sql: string, parameters: readonly Parameter[] = []): Promise<void> {
    await this.#engine.query(sql, parameters, this.#signal)
  }
}
