// Runs a graph. It owns the pull loops (RxJS has no backpressure of its own), the credits and the lifecycle: created -> running ->
// draining -> stopped | failed. `drain` stops the sources, lets everything in flight settle, flushes and closes; `abort` gives up at
// once. Whatever happens, every part that was opened is closed: sources first, then sinks, then the dead letters.
import { setMaxListeners } from 'node:events'
import { BehaviorSubject } from 'rxjs'
import type { Starvation } from './batch.ts'
import { asError, messageOf } from './errors.ts'
import { Credits } from './credits.ts'
import { abandon, type Runtime, type Subject } from './execute.ts'
import { silent, type Logger } from './log.ts'
import type { HistogramSnapshot } from './histogram.ts'
import { Meter, type NodeStats } from './meter.ts'
import type { NodeContext } from './node.ts'
import { pull, type PullHooks } from './pull.ts'
import { graphErrors, isSink, type GraphSpec, type SourceSpec } from './spec.ts'
import type { CreditStats, Run, RunOptions, RunState } from './run-types.ts'
import { Troubles } from './failure-log.ts'
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
  readonly states = new BehaviorSubject<RunState>('created')
  readonly done: Promise<void>
  readonly #graph: GraphSpec
  readonly #log: Logger
  readonly #settleMs: number
  readonly #options: RunOptions
  readonly #troubles: Troubles
  readonly #drain = new AbortController()
  readonly #abort = new AbortController()
  readonly #meters = new Map<string, Meter>()
  readonly #credits = new Map<string, Credits>()
  readonly #starved = new Set<() => void>()
  readonly #finished = Promise.withResolvers<void>()
  #failure: Error | undefined
  #idle = Promise.withResolvers<void>()
  #deadline: NodeJS.Timeout | undefined
  /** From here on parts hear of no settlement: they are being closed. */
  #closing = false

  constructor (graph: GraphSpec, options: RunOptions) {
    this.#graph = graph
    this.#log = options.log ?? silent
    this.#settleMs = options.settleMs ?? 2000
    this.#options = options
    this.#troubles = new Troubles(this.#log, options.troubles)
    for (const node of graph.nodes) this.#meters.set(node.name, new Meter(node.name))
    if (graph.deadLetters !== undefined) this.#meters.set(graph.deadLetters.name, new Meter(graph.deadLetters.name))
    // Every record in flight may listen (a pause between tries, a request): that is no leak to warn of.
    setMaxListeners(0, this.#drain.signal, this.#abort.signal)
    this.done = this.#finished.promise
    // A caller may look at `done` only after a drain: until then a failure must not end the process as an unhandled rejection.
    this.done.catch(() => {})
  }

  get state (): RunState { return this.states.value }

  start (): void {
    this.#live().then(
      () => this.#end('stopped'),
      (error: unknown) => this.#end('failed', asError(error))
    )
  }

  drain (options: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.state === 'created' || this.state === 'running') {
      this.states.next('draining')
      this.#drain.abort()
      for (const credits of this.#credits.values()) credits.wake()
    }
    if (this.state === 'draining' && options.deadlineMs !== undefined && this.#deadline === undefined) {
      const { deadlineMs } = options
      this.#deadline = setTimeout(() => {
        const what = `${this.#unsettled === 0 ? 'all had settled, but the parts had not closed' : `${this.#unsettled} records had not settled`} ${deadlineMs} ms after the stop`
        void this.abort(graphErrors.GRAPH_DRAIN_DEADLINE(what, { where: `graph ${this.#graph.name}` }))
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
      if (this.state === 'created' && this.#failure === undefined) {
        pulled = true
        this.states.next('running')
        await this.#pullAll(this.#wire())
        await this.#settled()
        if (this.#failure === undefined) for (const node of this.#sources()) await this.#patiently(node.name, node.part.flush?.())
      }
    } catch (error) {
      this.#fail(asError(error))
    }
    if (pulled && this.#failure !== undefined) await this.#salvage()
    this.#closing = true
    for (const { name, close } of opened.reverse()) {
      try {
        await this.#patiently(name, close())
      } catch (error) {
        this.#log.warn({ node: name, error: messageOf(error) }, 'a part did not close cleanly')
      }
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  // Sinks first: a source that is open may begin to fetch.
  async #open (opened: OpenPart[]): Promise<void> {
    const { nodes, deadLetters } = this.#graph
    const parts = [...(deadLetters === undefined ? [] : [deadLetters]), ...nodes.filter(isSink), ...this.#sources()]
    for (const { name, part } of parts) {
      if (this.#drain.signal.aborted) return
      opened.push({ name, close: () => part.close?.() })
      // Nothing is in flight yet that a stop would have to wait for.
      await this.#patiently(name, part.open?.(this.#context(name)), this.#drain.signal)
    }
  }

  #context (node: string): NodeContext {
    return { node, log: this.#log, drain: this.#drain.signal, abort: this.#abort.signal }
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
    const wiring = wire(this.#graph, this.#meters, this.#starvation(), this.#runtime())
    wiring.whole.subscribe({ error: (error: unknown) => this.#fail(asError(error)) })
    return wiring
  }

  #starvation (): Starvation {
    const credits = this.#credits
    const starved = this.#starved
    return {
      get starved () {
        for (const each of credits.values()) if (each.starved) return true
        return false
      },
      watch: listener => {
        starved.add(listener)
        return () => { starved.delete(listener) }
      }
    }
  }

  #runtime (): Runtime {
    const { deadLetters } = this.#graph
    return {
      signal: this.#abort.signal,
      deadLetters: deadLetters === undefined ? undefined : { ...deadLetters, meter: this.#meters.get(deadLetters.name) as Meter },
      fail: (node, error) => this.#fail(error, node),
      troubles: this.#troubles,
      observer: this.#options.observer ?? {},
      logFields: subject => this.#logFields(subject),
      apart: (node, error, first) => this.#log.warn({ node, ...this.#logFields(first), error: error.message }, 'a batch failed: writing its records one by one')
    }
  }

  #logFields ({ root: { record, origin }, value }: Subject): object {
    return { record: origin.position, ...this.#options.logFields?.(record, value) }
  }

  async #pullAll ({ entries }: Wiring): Promise<void> {
    const sources = this.#sources()
    for (const node of sources) {
      this.#credits.set(node.name, new Credits(node.credits, () => { for (const listener of this.#starved) listener() }, () => {
        if (this.#unsettled === 0) this.#idle.resolve()
      }))
    }
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
        await pull(node, this.#context(node.name), this.#credits.get(node.name) as Credits, this.#meters.get(node.name) as Meter, hooks)
      } catch (error) {
        this.#fail(asError(error), node.name)
      }
      entry?.complete()
    }))
  }

  // All sources have ended: resolves when nothing is unsettled, or when the graph gives up.
  async #settled (): Promise<void> {
    this.#idle = Promise.withResolvers<void>()
    if (this.#unsettled === 0 || this.#abort.signal.aborted) return
    this.#abort.signal.addEventListener('abort', () => this.#idle.resolve(), { once: true })
    await this.#idle.promise
  }

  // What has settled may be committed even when the graph fails: a tracker never goes past a record that has not.
  async #salvage (): Promise<void> {
    this.#idle = Promise.withResolvers<void>()
    if (this.#unsettled > 0) await this.#patiently('in flight', this.#idle.promise)
    for (const { name, part } of this.#sources()) {
      try {
        await this.#patiently(name, part.flush?.())
      } catch (error) {
        this.#log.warn({ node: name, error: messageOf(error) }, 'what had settled could not be committed')
      }
    }
  }

  // Waits for a part; once the signal is aborted, no longer than `settleMs`: one that hangs must not keep the others from being closed.
  async #patiently (node: string, waitFor: Promise<void> | undefined, signal = this.#abort.signal): Promise<void> {
    if (waitFor === undefined) return
    const patience = Promise.withResolvers<void>()
    let timer: NodeJS.Timeout | undefined
    const gaveUp = (): void => {
      timer = setTimeout(() => {
        this.#log.warn({ node, ms: this.#settleMs }, 'gave up waiting for a part')
        patience.resolve()
      }, this.#settleMs)
    }
    if (signal.aborted) gaveUp()
    else signal.addEventListener('abort', gaveUp, { once: true })
    try {
      await Promise.race([waitFor, patience.promise])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', gaveUp)
    }
  }

  #fail (error: Error, node?: string): void {
    if (this.#failure !== undefined || this.state === 'stopped' || this.state === 'failed') return
    this.#failure = error
    this.#log.debug({ node, error: error.message }, 'the graph fails')
    this.#abort.abort(error)
    this.#drain.abort(error)
    for (const credits of this.#credits.values()) credits.wake()
  }

  #end (state: 'stopped' | 'failed', error?: Error): void {
    clearTimeout(this.#deadline)
    this.#troubles.close()
    this.states.next(state)
    this.states.complete()
    if (error === undefined) this.#finished.resolve()
    else this.#finished.reject(error)
  }
}
