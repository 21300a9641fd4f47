// DuckDB in this process, which reads Parquet files of one folder and nothing else: no network, no other files, no extensions, no changes
// of its settings. Bounded: memory, threads, temporary files, concurrent queries, time of a query. The package is optional.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type * as duckdbApi from '@duckdb/node-api'
import type { DuckDBConnection, DuckDBInstance, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import { messageOf } from '../pipeline/errors.ts'
import { searchErrors } from './errors.ts'
import type { Parameter, ParameterType } from './parameters.ts'

type DuckDB = typeof duckdbApi
/** Values of a column, by row. */
export type ColumnValues = ReadonlyArray<string | number | bigint | boolean | null>

interface EngineOptions {
  /** The only folder that queries may read and write. */
  readonly folder: string
  readonly memoryMib: number
  readonly threads: number
  /** Disk space for temporary files and tables. Default: twice the memory. */
  readonly temporaryMib?: number
  /** Whether a table keeps the order in which its rows were inserted, which needs more memory. Default false. */
  readonly ordered?: boolean
}

export class Engine {
  readonly #duckdb: DuckDB
  readonly #instance: DuckDBInstance
  /** Connections without a query. */
  readonly #idle: DuckDBConnection[] = []

  private constructor (duckdb: DuckDB, instance: DuckDBInstance) {
    this.#duckdb = duckdb
    this.#instance = instance
  }

  /** Rejects with SEARCH_UNAVAILABLE if the package cannot be loaded. */
  static async open ({ folder, memoryMib, threads, temporaryMib = 2 * memoryMib, ordered = false }: EngineOptions): Promise<Engine> {
    const duckdb = await load()
    const temporary = join(folder, 'temporary')
    await mkdir(temporary, { recursive: true })
    const instance = await duckdb.DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${memoryMib}MiB`,
      temp_directory: temporary,
      max_temp_directory_size: `${temporaryMib}MiB`,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      preserve_insertion_order: String(ordered)
    })
    const engine = new Engine(duckdb, instance)
    const connection = await instance.connect()
    // Footers of segments stay in memory. Segments are immutable.
    await connection.run('SET parquet_metadata_cache = true')
    await connection.run(`SET allowed_directories = ['${folder.replaceAll("'", "''")}']`)
    // From here on, the settings cannot be changed.
    await connection.run('SET enable_external_access = false')
    await connection.run('SET lock_configuration = true')
    engine.#idle.push(connection)
    return engine
  }

  /**
   * Runs one statement. Resolves to the columns of its result. If the signal aborts, the statement is interrupted, and the query rejects
   * with the reason of the signal. Otherwise rejects with SEARCH_MEMORY, SEGMENT_DAMAGED or an unexpected error.
   */
  async query (sql: string, parameters: readonly Parameter[], signal: AbortSignal): Promise<readonly ColumnValues[]> {
    return await this.#run(parameters, signal, async (connection, values, types) => {
      const result = await connection.run(sql, values, types)
      signal.throwIfAborted()
      return await result.getColumnsJS() as unknown as ColumnValues[]
    })
  }

  /** Like `query`, but calls `use` with the columns of one part of the result after the other. The result is not kept in memory. */
  async stream (
    sql: string, parameters: readonly Parameter[], signal: AbortSignal, use: (columns: readonly ColumnValues[]) => void
  ): Promise<void> {
    await this.#run(parameters, signal, async (connection, values, types) => {
      for await (const part of await connection.stream(sql, values, types)) {
        signal.throwIfAborted()
        use(part.getColumns() as unknown as ColumnValues[])
      }
    })
  }

  async #run<T> (
    parameters: readonly Parameter[], signal: AbortSignal,
    work: (connection: DuckDBConnection, values: DuckDBValue[], types: DuckDBType[]) => Promise<T>
  ): Promise<T> {
    signal.throwIfAborted()
    const connection = this.#idle.pop() ?? await this.#instance.connect()
    // An interrupt has no effect before the statement runs, so it is repeated.
    let interrupts: NodeJS.Timeout | undefined
    const interrupt = (): void => {
      connection.interrupt()
      interrupts ??= setInterval(() => { connection.interrupt() }, 20)
    }
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      const types = parameters.map(({ type }) => this.#typeOf(type))
      const values = parameters.map(({ value }) => this.#valueOf(value))
      return await work(connection, values, types)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw queryError(error)
    } finally {
      signal.removeEventListener('abort', interrupt)
      clearInterval(interrupts)
      this.#idle.push(connection)
    }
  }

  close (): void {
    for (const connection of this.#idle.splice(0)) connection.closeSync()
    this.#instance.closeSync()
  }

  #typeOf (type: ParameterType): DuckDBType {
    const { BIGINT, DOUBLE, VARCHAR, LIST } = this.#duckdb
    switch (type) {
      case 'BIGINT': return BIGINT
      case 'DOUBLE': return DOUBLE
      case 'VARCHAR': return VARCHAR
      case 'VARCHAR[]': return LIST(VARCHAR)
    }
  }

  #valueOf (value: Parameter['value']): DuckDBValue {
    return typeof value === 'object' ? this.#duckdb.listValue(value) : value
  }
}

async function load (): Promise<DuckDB> {
  try {
    return await import('@duckdb/node-api')
  } catch (cause) {
    throw searchErrors.SEARCH_UNAVAILABLE('DuckDB cannot be loaded', { cause })
  }
}

function queryError (error: unknown): unknown {
  const message = messageOf(error)
  if (/^Out of Memory Error/.test(message)) {
    return searchErrors.SEARCH_MEMORY('the query needs more memory than it may use', { cause: error })
  }
  if (/^(IO Error|Invalid Error|Invalid Input Error|Conversion Error|TProtocolException)/.test(message)) {
    return searchErrors.SEGMENT_DAMAGED('a segment of the index cannot be read', { cause: error })
  }
  return error
}
