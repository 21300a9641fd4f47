// Runs a graph: owns the pull loops (RxJS has no backpressure), the credits and the lifecycle created -> running -> draining -> stopped or
// failed. `drain` stops the sources and lets all records settle; `abort` stops the graph at once. Afterwards, each opened part is
// closed: sources first, then sinks, then the dead-letter sink.
import { setMaxListeners } from 'node:events'
import { asError, messageOf } from './errors.ts'
import { Credits } from './credits.ts'
import { abandon, type Runtime, type Subject } from './execute.ts'
import { FailureLog } from './failure-log.ts'
import { silent, type Logger } from './log.ts'
import type { HistogramSnapshot } from './histogram.ts'
import { Meter, type NodeStats } from './meter.ts'
import type { NodeContext } from './node.ts'
import { pull, type PullHooks } from './pull.ts'
import { graphErrors, isSink, type GraphSpec, type SourceSpec } from './spec.ts'
import type { CreditStats, Run, RunOptions, RunState } from './run-types.ts'
import { SourceStarvation } from './starvation.ts'
import { wire, type Wiring } from './wire.ts'

interface OpenPart {
  readonly name: string
  readonly close: () => Promise<void> | undefined
}

export function runGraph (graph: GraphSpec, options: RunOptions): Run {
  const runner = new Runner(graph, options)
  runner.start()
  return runner
}

class Runner implements Run {
  readonly done: Promise<void>
  readonly #graph: GraphSpec
  readonly #log: Logger
  readonly #settleMs: number
  readonly #options: RunOptions
  readonly #failureLog: FailureLog
  readonly #drain = new AbortController()
  readonly #abort = new AbortController()
  readonly #meters = new Map<string, Meter>()
  readonly #credits = new Map<string, Credits>()
  readonly #starvation = new SourceStarvation(this.#credits)
  readonly #finished = Promise.withResolvers<void>()
  #state: RunState = 'created'
  #failure: Error | undefined
  #idle = Promise.withResolvers<void>()
  #deadline: NodeJS.Timeout | undefined
  /** Whether parts are being closed. Sources are then no longer notified of settlements. */
  #closing = false

  constructor (graph: GraphSpec, options: RunOptions) {
    this.#graph = graph
    this.#log = options.log ?? silent
    this.#settleMs = options.settleMs ?? 2000
    this.#options = options
    this.#failureLog = new FailureLog(this.#log)
    for (const { name } of graph.nodes) this.#meters.set(name, new Meter(name))
    if (graph.deadLetters !== undefined) this.#meters.set(graph.deadLetters.name, new Meter(graph.deadLetters.name))
    // Every record in flight may add a listener, for example while it waits for its next attempt, so Node must not warn of a leak.
    setMaxListeners(0, this.#drain.signal, this.#abort.signal)
    this.done = this.#finished.promise
    // A caller may await `done` only after a drain. Until then a failure must not be an unhandled rejection.
    this.done.catch(() => {})
  }

  get state (): RunState { return this.#state }

  start (): void {
    this.#live().then(() => this.#end('stopped'), (error: unknown) => this.#end('failed', asError(error)))
  }

  drain (options: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.#state === 'created' || this.#state === 'running') {
      this.#state = 'draining'
      this.#drain.abort()
      for (const credits of this.#credits.values()) credits.wake()
    }
    if (this.#state === 'draining' && options.deadlineMs !== undefined && this.#deadline === undefined) {
      const { deadlineMs } = options
      this.#deadline = setTimeout(() => {
        const unsettled = this.#unsettled
        const what = unsettled === 0 ? 'all records had settled, but the parts had not closed' : `${unsettled} records had not settled`
        void this.abort(graphErrors.GRAPH_DRAIN_DEADLINE(`${what} within ${deadlineMs} ms`, { where: `graph ${this.#graph.name}` }))
      }, deadlineMs)
    }
    return this.done
  }

  abort (reason?: Error): Promise<void> {
    this.#fail(reason ?? graphErrors.GRAPH_ABORTED('the graph was aborted', { where: `graph ${this.#graph.name}` }))
    return this.done
  }

  meters (): NodeStats[] {
    return [...this.#meters.values()].map(meter => this.#read(meter))
  }

  nodeStats (name: string): NodeStats | undefined {
    const meter = this.#meters.get(name)
    return meter && this.#read(meter)
  }

  #read (meter: Meter): NodeStats {
    return meter.read(this.#credits.get(meter.node)?.starvedMs)
  }

  latencies (): { readonly node: string, readonly histogram: HistogramSnapshot }[] {
    return [...this.#meters.values()].map(meter => ({ node: meter.node, histogram: meter.latencies() }))
  }

  credits (): CreditStats[] {
    return [...this.#credits].map(([node, { limits, records, bytes }]) => ({ node, ...limits, unsettled: { records, bytes } }))
  }

  async #live (): Promise<void> {
    const opened: OpenPart[] = []
    let pulled = false
    try {
      await this.#open(opened)
      if (this.#state === 'created' && this.#failure === undefined) {
        pulled = true
        this.#state = 'running'
        await this.#pullAll(this.#wire())
        await this.#allSettled()
        if (this.#failure === undefined) for (const { name, part } of this.#sources()) await this.#waitFor(name, part.flush?.())
      }
    } catch (error) {
      this.#fail(asError(error))
    }
    if (pulled && this.#failure !== undefined) await this.#flushAfterFailure()
    this.#closing = true
    for (const { name, close } of opened.reverse()) {
      try {
        await this.#waitFor(name, close())
      } catch (error) {
        this.#log.warn({ node: name, error: messageOf(error) }, 'failed to close a part')
      }
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  // Opens sinks before sources, because a source may begin to fetch as soon as it is open.
  async #open (opened: OpenPart[]): Promise<void> {
    const { nodes, deadLetters } = this.#graph
    const parts = [...deadLetters === undefined ? [] : [deadLetters], ...nodes.filter(isSink), ...this.#sources()]
    for (const { name, part } of parts) {
      if (this.#drain.signal.aborted) return
      opened.push({ name, close: () => part.close?.() })
      // No record is in flight yet, so a drain need not wait until the part is open. If a drain makes `open` reject, the run does not fail.
      await this.#waitFor(name, part.open?.(this.#context(name)), this.#drain.signal).catch((error: unknown) => {
        if (!this.#drain.signal.aborted) throw error
      })
    }
  }

  #context (node: string): NodeContext {
    return { node, log: this.#log, drain: this.#drain.signal, abort: this.#abort.signal }
  }

  #sourceContext (node: string): NodeContext {
    return { ...this.#context(node), awaitSettlement: waiting => this.#starvation.awaitSettlement(node, waiting) }
  }

  #sources (): SourceSpec[] {
    return this.#graph.nodes.filter(node => node.type === 'source')
  }

  get #unsettled (): number {
    let sum = 0
    for (const credits of this.#credits.values()) sum += credits.records
    return sum
  }

  #wire (): Wiring {
    const wiring = wire(this.#graph, this.#meters, this.#starvation, this.#runtime())
    wiring.sinks.subscribe({ error: (error: unknown) => this.#fail(asError(error)) })
    return wiring
  }

  #runtime (): Runtime {
    const { deadLetters } = this.#graph
    return {
      signal: this.#abort.signal,
      deadLetters: deadLetters === undefined ? undefined : { ...deadLetters, meter: this.#meters.get(deadLetters.name) as Meter },
      fail: (node, error) => this.#fail(error, node),
      failureLog: this.#failureLog,
      observer: this.#options.observer ?? {},
      logFields: subject => this.#logFields(subject),
      batchFailed: (node, error, first) =>
        this.#log.warn({ node, ...this.#logFields(first), error: error.message }, 'batch failed; writing its records one at a time')
    }
  }

  #logFields ({ root: { record, origin }, value }: Subject): object {
    return { record: origin.position, ...this.#options.logFields?.(record, value) }
  }

  async #pullAll ({ entries }: Wiring): Promise<void> {
    const sources = this.#sources()
    const onIdle = (): void => { if (this.#unsettled === 0) this.#idle.resolve() }
    for (const node of sources) this.#credits.set(node.name, new Credits(node.credits, () => this.#starvation.notify(), onIdle))
    await Promise.all(sources.map(async node => {
      const entry = entries.get(node.name)
      const hooks: PullHooks = {
        emit: envelope => {
          this.#options.observer?.pulled?.(envelope.root.record)
          if (this.#abort.signal.aborted) abandon(envelope, this.#abort.signal)
          else entry?.next(envelope)
        },
        settled: (record, failure) => {
          if (this.#closing) return
          try {
            node.part.settled?.(record, failure)
            this.#options.observer?.settled?.(record, failure)
          } catch (error) {
            this.#fail(asError(error), node.name)
          }
        }
      }
      try {
        const [credits, meter] = [this.#credits.get(node.name) as Credits, this.#meters.get(node.name) as Meter]
        await pull(node, this.#sourceContext(node.name), credits, meter, hooks)
      } catch (error) {
        this.#fail(asError(error), node.name)
      }
      entry?.complete()
    }))
  }

  // Called when all sources have ended. Resolves when no record is unsettled, or when the graph fails.
  async #allSettled (): Promise<void> {
    this.#idle = Promise.withResolvers<void>()
    if (this.#unsettled === 0 || this.#abort.signal.aborted) return
    this.#abort.signal.addEventListener('abort', () => this.#idle.resolve(), { once: true })
    await this.#idle.promise
  }

  // Settled offsets may be committed after a failure too, because a source never commits past an unsettled record.
  async #flushAfterFailure (): Promise<void> {
    this.#idle = Promise.withResolvers<void>()
    if (this.#unsettled > 0) await this.#waitFor('in flight', this.#idle.promise)
    for (const { name, part } of this.#sources()) {
      try {
        await this.#waitFor(name, part.flush?.())
      } catch (error) {
        this.#log.warn({ node: name, error: messageOf(error) }, 'failed to commit settled records')
      }
    }
  }

  // Waits for a part, but no longer than `settleMs` after the signal, because all other parts must be closed too.
  async #waitFor (node: string, work: Promise<void> | undefined, signal = this.#abort.signal): Promise<void> {
    if (work === undefined) return
    const timeout = Promise.withResolvers<void>()
    let timer: NodeJS.Timeout | undefined
    const startTimer = (): void => {
      timer = setTimeout(() => {
        this.#log.warn({ node, ms: this.#settleMs }, 'timed out waiting for a part')
        timeout.resolve()
      }, this.#settleMs)
    }
    if (signal.aborted) startTimer()
    else signal.addEventListener('abort', startTimer, { once: true })
    try {
      await Promise.race([work, timeout.promise])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', startTimer)
    }
  }

  #fail (error: Error, node?: string): void {
    if (this.#failure !== undefined || this.#state === 'stopped' || this.#state === 'failed') return
    this.#failure = error
    this.#log.debug({ node, error: error.message }, 'graph failed')
    this.#abort.abort(error)
    this.#drain.abort(error)
    for (const credits of this.#credits.values()) credits.wake()
  }

  #end (state: 'stopped' | 'failed', error?: Error): void {
    clearTimeout(this.#deadline)
    this.#failureLog.close()
    this.#state = state
    if (error === undefined) this.#finished.resolve()
    else this.#finished.reject(error)
  }
}
