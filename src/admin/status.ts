// What a long-running mode shows on its admin port.
import type { Family } from '../metrics/index.ts'
import type { GraphDescription, Run, RunState } from '../pipeline/index.ts'
import type { Checks } from './readiness.ts'

/** A long-running mode's face to the outside: the admin port shows it. */
export interface Status {
  /** What must answer for the mode to do its work: /readyz names each. */
  readonly checks: Checks
  readonly run?: Run
  /** Where the mode is in its life; only where no graph runs, which has a state of its own. */
  readonly state?: () => RunState
  /** Its graph's name is the mode's. */
  readonly description: GraphDescription
  /** Figures of the mode itself for /metrics, beside those of its graph and of the process. */
  readonly metrics?: readonly Family[]
  /** Figures of the mode itself (lag, passes) for /status, as JSON. */
  stats? (): Promise<object> | object
}

export interface AdminConfig {
  readonly adminPort: number | undefined
  readonly adminHost: string
}

export interface AdminServer {
  readonly port: number
  close (): Promise<void>
}
