// Supervises the demo's processes: notices when a process ends unexpectedly, and stops all processes in reverse order of start.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeExit, logTail, type RunningServer } from '../devstack/index.ts'
import type { Logger } from '../pipeline/index.ts'
import { demoErrors } from './errors.ts'

const DRAIN_MS = 30_000
/** After a failure, the remaining processes may wait in vain for the failed process, so they get less time to stop. */
const DRAIN_AFTER_FAILURE_MS = 5_000

export class Supervisor {
  /** Whether a process has ended unexpectedly. */
  failed = false
  readonly #log: Logger
  readonly #stop: AbortSignal
  readonly #stopSteps: Array<() => Promise<unknown>> = []
  readonly #failures: Array<Promise<never>> = []
  #stopped: Promise<void> | undefined

  /** @param stop aborted when the user stops the demo */
  constructor (log: Logger, stop: AbortSignal) {
    this.#log = log
    this.#stop = stop
  }

  /** Adds a shutdown step. The step that was added last runs first. */
  onStop (step: () => Promise<unknown>): void {
    this.#stopSteps.push(step)
  }

  /** Watches a process and stops it at shutdown. */
  add (name: string, server: RunningServer): void {
    this.onStop(async () => { await server.stop(this.failed ? DRAIN_AFTER_FAILURE_MS : DRAIN_MS) })
    const failure = this.#failure(name, server)
    failure.catch(() => { this.failed = true })
    this.#failures.push(failure)
  }

  /** Throws if the user has stopped the demo or a process has ended. Called between the startup steps. */
  async check (): Promise<void> {
    this.#stop.throwIfAborted()
    await Promise.race([...this.#failures, sleep(0)])
  }

  /** Rejects when a process added so far ends unexpectedly. Error: DEMO_PART_FAILED with the end of the log of the process. */
  failure (): Promise<never> {
    const first = Promise.race(this.#failures)
    first.catch(() => {})
    return first
  }

  /** Runs all shutdown steps. Idempotent. */
  async stop (): Promise<void> {
    this.#stopped ??= (async () => {
      for (const step of this.#stopSteps.reverse()) {
        await step().catch((error: unknown) => this.#log.warn({ error: String(error) }, 'a shutdown step of the demo failed'))
      }
    })()
    await this.#stopped
  }

  async #failure (name: string, { exited, logFile }: RunningServer): Promise<never> {
    const exit = await exited
    // During shutdown, the end of a process is not a failure, so the promise that this method returns never settles.
    if (this.#stopped !== undefined) return await new Promise<never>(() => {})
    const tail = logTail(await readFile(logFile, 'utf8').catch(() => ''))
    throw demoErrors.DEMO_PART_FAILED(`${name} ${describeExit(exit)}${tail}`, { where: logFile })
  }
}
