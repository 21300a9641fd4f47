// Warns about `ALERT_STREAM_*` variables that no mode reads. Such a name is usually a misspelling, so the intended flag keeps its default.
import type { Flags } from '../config/flags.ts'
import { didYouMean } from '../config/nearest.ts'
import { variablesOf, type Environment } from '../config/parse.ts'
import { REVISION_VARIABLE } from '../config/version.ts'
import { sentences } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import type { Mode, ModeCatalogue } from './mode.ts'

/** Variables that bin/alert-stream.js and the container image set. They belong to no flag. */
const OTHER_VARIABLES = ['ALERT_STREAM_REEXEC', REVISION_VARIABLE]

/** @param chosen the modes that run. The other modes are loaded only if a variable is set that no chosen mode reads. */
export async function warnOfUnreadVariables (
  environment: Environment, chosen: ReadonlyArray<Mode<Flags>>, modes: ModeCatalogue, log: Logger
): Promise<void> {
  const known = [...OTHER_VARIABLES, ...variables(chosen)]
  const left = Object.keys(environment).filter(name => name.startsWith('ALERT_STREAM_') && !known.includes(name))
  if (left.length === 0) return
  const all = variables(await modes.all())
  for (const variable of left.filter(name => !all.includes(name))) {
    log.warn({ variable }, sentences(`no mode reads ${variable}`, didYouMean(variable, all)))
  }
}

function variables (targets: ReadonlyArray<Mode<Flags>>): string[] {
  return targets.flatMap(({ flags }) => Object.entries(flags).flatMap(([name, spec]) => variablesOf(name, spec)))
}
