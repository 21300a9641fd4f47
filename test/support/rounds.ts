// Length and seed of the fault tests. `npm test` runs each scenario once; `npm run test:faults` runs ten rounds, with other faults in each
// round. scripts/test.ts chooses a seed and prints it after a failure, so that the run can be repeated.
import { seeded } from './pipeline.ts'

/** The environment variables through which scripts/test.ts passes `--rounds` and `--seed` to the test files. */
export const ROUNDS = 'ALERT_TEST_ROUNDS'
export const SEED = 'ALERT_TEST_SEED'

/** Number of rounds of each scenario. */
export const rounds = Number(process.env[ROUNDS] ?? 1)
/** Number of kills in a scenario that goes on after each kill. */
export const kills = Math.max(3, rounds)

export interface RandomChoices {
  /** A random integer from `min` to `max`. */
  between (min: number, max: number): number
  /** A random element. */
  pick<T> (from: readonly T[]): T
}

/** Random numbers that depend only on the seed of the run and on the name. */
export function randomFor (name: string): RandomChoices {
  let hash = Number(process.env[SEED] ?? 0)
  for (const character of name) hash = Math.imul(hash, 31) + character.codePointAt(0)! | 0
  const random = seeded(hash)
  const between = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1))
  return { between, pick: from => from[between(0, from.length - 1)]! }
}
