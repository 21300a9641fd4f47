// The data that a long-running mode exposes on its admin port.
import type { Family } from '../metrics/index.ts'
import type { GraphDescription, Run, RunState } from '../pipeline/index.ts'
import type { Checks } from './readiness.ts'

export interface Status {
  /** Readiness checks of the mode's dependencies, by name. */
  readonly checks: Checks
  readonly run?: Run
  /** State of a mode without `run`. If the mode has a `run`, the state of that run is used instead. */
  readonly state?: () => RunState
  /** Description of the mode's graph. The graph has the name of the mode. */
  readonly description: GraphDescription
  /** Metrics of the mode, in addition to those of its graph and of the process. */
  readonly metrics?: readonly Family[]
  /** Stats of the mode (lag, passes) for /status, as JSON. */
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
