// The program's version, as its package has it.
import { readFileSync } from 'node:fs'

let known: string | undefined

export function version (): string {
  known ??= (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version
  return known
}
