// The program's version from package.json, and the Git revision that the container image was built from.
import { readFileSync } from 'node:fs'
import type { Environment } from './parse.ts'

/** The container image sets this variable to its Git revision. No flag reads this variable. */
export const REVISION_VARIABLE = 'ALERT_STREAM_REVISION'

let cached: string | undefined

export function version (): string {
  cached ??= (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version
  return cached
}

/** Returns `0.1.0`, or `0.1.0 (revision 4f2c...)` in the container image. */
export function versionLine (environment: Environment): string {
  const revision = environment[REVISION_VARIABLE]
  return revision === undefined || revision === '' ? version() : `${version()} (revision ${revision})`
}
