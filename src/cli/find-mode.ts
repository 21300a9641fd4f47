// A mode by its name, with the flags that every mode has.
import { commonFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import type { Flags } from '../config/flags.ts'
import { didYouMean } from '../config/nearest.ts'
import type { Mode } from '../program/mode.ts'
import { modes } from './modes.ts'

/** Error: USAGE_UNKNOWN_MODE. */
export async function findMode (name: string): Promise<Mode<Flags>> {
  const entry = Object.hasOwn(modes, name) ? modes[name] : undefined
  if (entry === undefined) throw usageErrors.USAGE_UNKNOWN_MODE(`'${name}' is not a mode${didYouMean(name, Object.keys(modes))}`)
  const mode = await entry.load() as Mode<Flags>
  return { ...mode, flags: { ...mode.flags, ...commonFlags } }
}

/** All of them. */
export async function allModes (): Promise<readonly Mode<Flags>[]> {
  return await Promise.all(Object.keys(modes).map(findMode))
}
