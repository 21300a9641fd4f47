// The program's version, as its package has it; and the Git revision that it was built from, where somebody who built it said so (the image).
import { readFileSync } from 'node:fs'
import type { Environment } from '../config/parse.ts'

/** Set by the image; no flag's variable. */
export const REVISION_VARIABLE = 'ALERT_STREAM_REVISION'

let known: string | undefined

export function version (): string {
  known ??= (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version
  return known
}

/** `0.1.0`, or `0.1.0 (revision 4f2c...)`. */
export function versionLine (environment: Environment): string {
  const revision = environment[REVISION_VARIABLE]
  return revision === undefined || revision === '' ? version() : `${version()} (revision ${revision})`
}
