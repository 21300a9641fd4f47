import type { DeadLetterSink } from '../pipeline/index.ts'

/** What takes the dead letters; only a store has a check of its own, as a topic is the brokers' affair. */
export interface DeadLetterPlace extends DeadLetterSink {
  check? (): Promise<void>
}
