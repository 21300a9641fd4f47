// Finds the segment that makes a statement on several segments fail.
import { errorCode } from '../pipeline/errors.ts'
import type { Engine } from './engine.ts'
import { searchErrors } from './errors.ts'

/** Reads every column of each segment. Resolves to a SEGMENT_DAMAGED error that names the segment, undefined if all can be read. */
export async function damagedSegment (
  engine: Pick<Engine, 'query'>, url: string, keys: readonly string[], paths: readonly string[], signal: AbortSignal
): Promise<Error | undefined> {
  for (const [index, path] of paths.entries()) {
    try {
      await engine.query('SELECT count(COLUMNS(*)) FROM read_parquet($1)', [{ type: 'VARCHAR', value: path }], signal)
    } catch (cause) {
      if (errorCode(cause) !== 'SEGMENT_DAMAGED') throw cause
      return searchErrors.SEGMENT_DAMAGED('the segment cannot be read', { where: `${url}: ${keys[index]}`, cause })
    }
  }
  return undefined
}
