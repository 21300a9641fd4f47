// A variable that looks like one of ours and is read by no mode is most likely misspelt: it is said, since its default would be taken in silence.
import { didYouMean } from '../config/nearest.ts'
import { variablesOf, type Environment } from '../config/parse.ts'
import type { Flags } from '../config/flags.ts'
import type { Mode } from '../program/mode.ts'
import type { Logger } from '../pipeline/log.ts'
import { allModes } from './find-mode.ts'
import { REVISION_VARIABLE } from '../config/version.ts'

/** Of the program's launcher, and of the image. */
const OTHER_VARIABLES = ['ALERT_STREAM_REEXEC', REVISION_VARIABLE]

/** @param chosen the modes that run; the others are loaded only where these do not read everything */
export async function warnOfUnread (environment: Environment, chosen: readonly Mode<Flags>[], log: Logger): Promise<void> {
  const ours = Object.keys(environment).filter(name => name.startsWith('ALERT_STREAM_') && !OTHER_VARIABLES.includes(name))
  const unread = (targets: readonly Mode<Flags>[], names: readonly string[]): string[] => {
    const known = new Set(variables(targets))
    return names.filter(name => !known.has(name))
  }
  let left = unread(chosen, ours)
  if (left.length > 0) left = unread(await allModes(), left)
  for (const variable of left) log.warn({ variable }, `no mode reads ${variable}${didYouMean(variable, variables(await allModes()))}`)
}

function variables (targets: readonly Mode<Flags>[]): string[] {
  return targets.flatMap(({ flags }) => Object.entries(flags).flatMap(([name, spec]) => variablesOf(name, spec)))
}
