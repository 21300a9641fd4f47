import type { DeadLetterSink } from '../pipeline/index.ts'

/** The topic or store that receives the dead letters of a mode. */
export interface DeadLetterDestination extends DeadLetterSink {
  /** Readiness check of a store. Errors: STORE_*. A topic has no check of its own, because the broker check covers it. */
  check? (): Promise<void>
}
