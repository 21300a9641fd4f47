// Runs a graph. It owns the pull loops (RxJS has no backpressure of its own), the credits, the wiring of nodes as observables, and the
// lifecycle: created -> running -> draining -> stopped | failed. `drain` stops the sources, lets everything in flight settle, flushes and
// closes; `abort` gives up at once. Rx's error channel carries graph failures only.
import { BehaviorSubject, map, merge, mergeMap, type Observable, share, Subject, tap, type OperatorFunction } from 'rxjs'
import { asError, messageOf } from './errors.ts'
import { batchEnvelopes } from './batch.ts'
import { Credits } from './credits.ts'
import { type Envelope } from './envelope.ts'
import { batchSinkProjection, sinkProjection, stepProjection, type Runtime } from './execute.ts'
import { silent, type Logger } from './log.ts'
import { Meter, type MeterReading } from './meter.ts'
import type { NodeContext } from './node.ts'
import { pull } from './pull.ts'
import { defaultRetry } from './retry.ts'
import { graphErrors, inputsOf, isSink, type GraphSpec, type NodeSpec, type SourceSpec } from './spec.ts'

export type RunState = 'created' | 'running' | 'draining' | 'stopped' | 'failed'

export interface RunOptions {
  readonly log?: Logger
  /** How long work in flight may still settle after a failure before parts are closed under it, milliseconds. */
  readonly settleMs?: number
}

/** A graph that runs. */
export interface Run {
  readonly state: RunState
  readonly states: Observable<RunState>
  /** Resolves when stopped: sources at their end or drained, all settled, flushed, closed. Rejects with the first failure. */
  readonly done: Promise<void>
  /** Stops pulling and lets everything settle. After `deadlineMs` it aborts with GRAPH_DRAIN_DEADLINE. Same promise as `done`. */
  drain (options?: { readonly deadlineMs?: number }): Promise<void>
  /** Gives up at once; `done` rejects with the reason (default GRAPH_ABORTED). */
  abort (reason?: Error): Promise<void>
  /** Every node's figures, in the order of declaration, dead letters last. */
  meters (): MeterReading[]
}

type Stream = Observable<Envelope<unknown>>

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
  readonly #drain = new AbortController()
  readonly #abort = new AbortController()
  readonly #meters = new Map<string, Meter>()
  readonly #credits = new Map<string, Credits>()
  readonly #starved = new Set<() => void>()
  readonly #finished = Promise.withResolvers<void>()
  #failure: Error | undefined
  #idle = Promise.withResolvers<void>()
  #deadline: NodeJS.Timeout | undefined

  constructor (graph: GraphSpec, options: RunOptions) {
    this.#graph = graph
    this.#log = options.log ?? silent
    this.#settleMs = options.settleMs ?? 2000
    for (const node of graph.nodes) this.#meters.set(node.name, new Meter(node.name))
    if (graph.deadLetters !== undefined) this.#meters.set(graph.deadLetters.name, new Meter(graph.deadLetters.name))
    this.done = this.#finished.promise
    // A caller may look at `done` only after a drain: until then a failure must not end the process as an unhandled rejection.
    this.done.catch(() => {})
  }

  get state (): RunState { return this.states.value }

  start (): void {
    this.#live().then(
      () => this.#settleState('stopped'),
      (error: unknown) => this.#settleState('failed', asError(error))
    )
  }

  drain (options: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.state === 'created' || this.state === 'running') {
      this.#to('draining')
      this.#drain.abort()
      for (const credits of this.#credits.values()) credits.wake()
    }
    if (this.state === 'draining' && options.deadlineMs !== undefined && this.#deadline === undefined) {
      const { deadlineMs } = options
      this.#deadline = setTimeout(() => {
        const left = [...this.#credits.values()].reduce((sum, credits) => sum + credits.records, 0)
        void this.abort(graphErrors.GRAPH_DRAIN_DEADLINE(`${left} records had not settled ${deadlineMs} ms after the stop`, { where: `graph ${this.#graph.name}` }))
      }, deadlineMs)
    }
    return this.done
  }

  abort (reason?: Error): Promise<void> {
    this.#fail(reason ?? graphErrors.GRAPH_ABORTED('the graph was aborted', { where: `graph ${this.#graph.name}` }))
    return this.done
  }

  meters (): MeterReading[] {
    return [...this.#meters.values()].map(meter => meter.read(this.#credits.get(meter.node)?.starvedMs))
  }

  async #live (): Promise<void> {
    const opened: (() => Promise<void> | undefined)[] = []
    try {
      await this.#open(opened)
      this.#wire()
      if (this.state === 'created') this.#to('running')
      await this.#pullAll()
      await this.#settled()
      for (const node of this.#sources()) await node.part.flush?.()
    } catch (error) {
      this.#fail(asError(error))
    }
    if (this.#failure !== undefined) await this.#flushAfterFailure()
    for (const close of opened.reverse()) {
      try {
        await close()
      } catch (error) {
        this.#log.warn({ error: messageOf(error) }, 'a part did not close cleanly')
      }
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  // Sinks first: a source that is open may begin to fetch.
  async #open (opened: (() => Promise<void> | undefined)[]): Promise<void> {
    const { nodes, deadLetters } = this.#graph
    const parts = [...(deadLetters === undefined ? [] : [deadLetters]), ...nodes.filter(isSink), ...this.#sources()]
    for (const { name, part } of parts) {
      if (this.#abort.signal.aborted || this.#drain.signal.aborted) return
      opened.push(() => part.close?.())
      await part.open?.(this.#context(name))
    }
  }

  #context (node: string): NodeContext {
    return { node, log: this.#log, drain: this.#drain.signal, abort: this.#abort.signal }
  }

  #sources (): SourceSpec[] {
    return this.#graph.nodes.filter(node => node.type === 'source')
  }

  readonly #subjects = new Map<string, Subject<Envelope<unknown>>>()

  #wire (): void {
    const { nodes } = this.#graph
    const branches = new Map<string, Stream[]>()
    const runtime = this.#runtime()
    const take = (name: string): Stream => branches.get(name)?.shift() as Stream
    const sinks: Observable<never>[] = []
    for (const node of nodes) {
      const out = this.#stream(node, runtime, take)
      if (isSink(node)) sinks.push(out as Observable<never>)
      else branches.set(node.name, fanOut(out, nodes.flatMap(inputsOf).filter(input => input === node.name).length))
    }
    merge(...sinks).subscribe({ error: (error: unknown) => this.#fail(asError(error)) })
  }

  #stream (node: NodeSpec, runtime: Runtime, take: (name: string) => Stream): Observable<Envelope<unknown>> {
    const meter = this.#meters.get(node.name) as Meter
    switch (node.type) {
      case 'source': {
        const subject = new Subject<Envelope<unknown>>()
        this.#subjects.set(node.name, subject)
        return subject
      }
      case 'merge': return merge(...node.inputs.map(take)).pipe(tap(() => { meter.in++; meter.out++ }))
      case 'step': return take(node.input).pipe(mergeMap(stepProjection(node, meter, runtime), node.concurrency))
      case 'flow': return take(node.input).pipe(tap(() => { meter.in++ }), node.operator, tap(() => { meter.out++ }))
      case 'batch': return take(node.input).pipe(tap(() => { meter.in++ }), batchEnvelopes(node.limits, this.#starvation()), tap(() => { meter.out++ }))
      case 'sink': return take(node.input).pipe(mergeMap(sinkProjection(node.name, node.part, node.retry, meter, runtime), node.concurrency))
      case 'batch-sink': return take(node.input).pipe(
        // The batch of envelopes is wanted here, not their values: each record settles by its own outcome.
        map(envelope => envelope.map(envelope)) as OperatorFunction<Envelope<unknown>, Envelope<Envelope<unknown>>>,
        batchEnvelopes<Envelope<unknown>>(node.limits, this.#starvation()),
        mergeMap(batch => batchSinkProjection(node.name, node.part, node.retry, meter, runtime)(batch.value), node.concurrency)
      )
    }
  }

  #starvation () {
    const { credits, starved } = { credits: this.#credits, starved: this.#starved }
    return {
      get starved () { return [...credits.values()].some(each => each.starved) },
      watch: (listener: () => void) => {
        starved.add(listener)
        return () => { starved.delete(listener) }
      }
    }
  }

  #runtime (): Runtime {
    const { deadLetters } = this.#graph
    return {
      signal: this.#abort.signal,
      deadLetters: deadLetters === undefined ? undefined : { part: deadLetters.part, meter: this.#meters.get(deadLetters.name) as Meter, retry: defaultRetry },
      fail: (node, error) => this.#fail(error, node),
      retrying: (node, error, origin) => this.#log.warn({ node, record: origin, error: error.message }, 'a try failed; trying again'),
      buried: (node, error, origin) => this.#log.warn({ node, record: origin, error: error.message }, 'a record went to the dead letters')
    }
  }

  async #pullAll (): Promise<void> {
    await Promise.all(this.#sources().map(async node => {
      const meter = this.#meters.get(node.name) as Meter
      const credits = new Credits(node.credits, () => { for (const listener of this.#starved) listener() }, () => this.#idle.resolve())
      this.#credits.set(node.name, credits)
      const subject = this.#subjects.get(node.name) as Subject<Envelope<unknown>>
      try {
        await pull(node, this.#context(node.name), credits, meter, envelope => subject.next(envelope))
      } catch (error) {
        this.#fail(asError(error), node.name)
      }
      subject.complete()
    }))
  }

  async #settled (): Promise<void> {
    while ([...this.#credits.values()].some(credits => credits.records > 0)) {
      this.#idle = Promise.withResolvers<void>()
      await Promise.race([this.#idle.promise, aborted(this.#abort.signal)])
      if (this.#abort.signal.aborted) return
    }
  }

  // What has settled may be committed even when the graph fails: a tracker never goes past a record that has not.
  async #flushAfterFailure (): Promise<void> {
    const give = Date.now() + this.#settleMs
    while (Date.now() < give && [...this.#credits.values()].some(credits => credits.records > 0)) await new Promise(resolve => setTimeout(resolve, 20))
    for (const node of this.#sources()) {
      try {
        await node.part.flush?.()
      } catch (error) {
        this.#log.warn({ node: node.name, error: messageOf(error) }, 'what had settled could not be committed')
      }
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

  #to (state: RunState): void {
    this.states.next(state)
  }

  #settleState (state: 'stopped' | 'failed', error?: Error): void {
    clearTimeout(this.#deadline)
    this.#to(state)
    this.states.complete()
    if (error === undefined) this.#finished.resolve()
    else this.#finished.reject(error)
  }
}

function aborted (signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

// One stream per reader; with several, each record is forked so that it settles when every branch has.
function fanOut (stream: Stream, count: number): Stream[] {
  if (count === 1) return [stream]
  const forks = stream.pipe(map(envelope => envelope.fork(count)), share())
  return Array.from({ length: count }, (_, branch) => forks.pipe(map(children => children[branch] as Envelope<unknown>)))
}
