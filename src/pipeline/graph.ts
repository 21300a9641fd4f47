// Declares graphs. `createGraph(name)` gives a builder; `source` opens a port; methods of a port add nodes and give the next port, so that
// a mode reads top to bottom. Ports are typed: what a node emits is what the next one takes, or it does not compile. Using one port
// twice is a fan-out: a record settles when every branch has settled it.
import type { OperatorFunction } from 'rxjs'
import type { CreditLimits } from './credits.ts'
import { describe, type GraphDescription } from './describe.ts'
import type { Envelope } from './envelope.ts'
import type { BatchSink, DeadLetterSink, RecordContext, Sink, Source } from './node.ts'
import { defaultRetry, type RetryPolicy } from './retry.ts'
import { runGraph } from './run.ts'
import type { Run, RunOptions } from './run-types.ts'
import { graphErrors, validate, type BatchLimits, type DeadLetterSpec, type GraphSpec, type NodeSpec, type StepCall, type StepOptions } from './spec.ts'

/** 1,000 records or 64 MiB unsettled: with 82 KB alerts the bytes decide. */
export const defaultCredits: CreditLimits = { records: 1000, bytes: 64 * 1024 * 1024 }

export interface GraphOptions {
  /** Where records go that a node cannot process. Without it, such a record fails the graph. */
  readonly deadLetters?: DeadLetterSink
  /** Name of the dead-letter node, default `dead-letters`. */
  readonly deadLettersName?: string
  /** For every node that gives none of its own, and for the dead letters. Default `defaultRetry`. */
  readonly retry?: RetryPolicy
}

/** An output of a node, carrying values of type T. */
export interface Port<T> {
  readonly node: string
  /**
   * Emits one value for each. Runs `concurrency` records at once; order is kept only with 1. Backpressures by the source's credits.
   * Settles nothing: the next node does. A throw is retried if retryable, else the record goes to the dead letters.
   */
  step<U> (name: string, call: (value: T, context: RecordContext) => U | Promise<U>, options?: StepOptions): Port<Awaited<U>>
  /** Emits the values for which `keep` is true. Settles the others as done. */
  filter (name: string, keep: (value: T, context: RecordContext) => boolean | Promise<boolean>, options?: StepOptions): Port<T>
  /** Emits every value that `call` gives for one. The parent settles when all have; at once when there are none. */
  split<U> (name: string, call: (value: T, context: RecordContext) => readonly U[] | Promise<readonly U[]>, options?: StepOptions): Port<U>
  /**
   * Emits arrays, at the limits, or as soon as a source has no credit and nothing of this node is unsettled. Settles each record with its
   * batch: a step or sink that fails on the array sends every record of it to the dead letters (`toBatches` tries each alone first).
   */
  batch (name: string, limits: BatchLimits): Port<readonly T[]>
  /**
   * Emits what an RxJS operator on envelopes emits. The operator must map or settle every envelope it takes: lossy ones are banned by lint,
   * and one that completes before its input fails the graph with GRAPH_FLOW_ENDED.
   */
  through<U> (name: string, operator: OperatorFunction<Envelope<T>, Envelope<U>>, shown?: { readonly kind?: string, readonly detail?: string }): Port<U>
  /** Ends in a sink. Settles each record when its write is durable. */
  to (name: string, sink: Sink<T>, options?: { readonly concurrency?: number, readonly retry?: RetryPolicy }): void
  /** Ends in a sink that writes batches, `concurrency` at once (1 keeps order). A batch that fails for good is tried record by record. */
  toBatches (name: string, sink: BatchSink<T>, limits: BatchLimits, options?: { readonly concurrency?: number, readonly retry?: RetryPolicy }): void
}

/** Replaces parts by node name: how tests run the real graph without a broker. */
export interface Replacements {
  readonly sources?: Readonly<Record<string, Source<never>>>
  readonly sinks?: Readonly<Record<string, Sink<never>>>
  readonly batchSinks?: Readonly<Record<string, BatchSink<never>>>
  readonly deadLetters?: DeadLetterSink
}

/** A declared graph: it can be described as often as one likes, and run once. */
export class Graph {
  readonly spec: GraphSpec
  #ran = false

  constructor (spec: GraphSpec) {
    validate(spec)
    this.spec = spec
  }

  get name (): string { return this.spec.name }

  describe (): GraphDescription {
    return describe(this.spec)
  }

  /** Opens every part, then starts pulling. Errors: GRAPH_REUSED; what a part's `open` rejects with arrives in `run.done`. */
  run (options: RunOptions = {}): Run {
    if (this.#ran) throw graphErrors.GRAPH_REUSED('this graph has run already', { where: `graph ${this.name}` })
    this.#ran = true
    return runGraph(this.spec, options)
  }

  /** The same graph with other parts. Errors: GRAPH_INVALID for a name that it has not. */
  with (replacements: Replacements): Graph {
    const rest = new Set([replacements.sources, replacements.sinks, replacements.batchSinks].flatMap(part => Object.keys(part ?? {})))
    const nodes = this.spec.nodes.map((node): NodeSpec => {
      const parts = { source: replacements.sources, sink: replacements.sinks, 'batch-sink': replacements.batchSinks }[node.type as 'source']
      if (parts === undefined || !Object.hasOwn(parts, node.name)) return node
      rest.delete(node.name)
      return { ...node, part: parts[node.name] } as NodeSpec
    })
    if (rest.size > 0) throw graphErrors.GRAPH_INVALID(`no node '${[...rest].join("', '")}' of that type to replace`, { where: `graph ${this.name}` })
    const deadLetters = replacements.deadLetters === undefined
      ? this.spec.deadLetters
      : { name: 'dead-letters', retry: defaultRetry, ...this.spec.deadLetters, part: replacements.deadLetters }
    return new Graph({ ...this.spec, nodes, deadLetters })
  }
}

export class GraphBuilder {
  readonly name: string
  readonly #nodes: NodeSpec[] = []
  readonly #ports = new WeakSet<Port<never>>()
  readonly #deadLetters: DeadLetterSpec | undefined
  readonly #retry: RetryPolicy

  constructor (name: string, options: GraphOptions = {}) {
    this.name = name
    this.#retry = options.retry ?? defaultRetry
    this.#deadLetters = options.deadLetters === undefined
      ? undefined
      : { name: options.deadLettersName ?? 'dead-letters', part: options.deadLetters, retry: this.#retry }
  }

  /** Opens a port fed by a source, pulled only while it has credits. */
  source<T> (name: string, source: Source<T>, credits: Partial<CreditLimits> = {}): Port<T> {
    return this.#add({ type: 'source', name, part: source, credits: { ...defaultCredits, ...credits } })
  }

  /** One port fed by several, in the order in which records arrive. Errors: GRAPH_INVALID for a port of another builder. */
  merge<T> (name: string, ...ports: readonly Port<T>[]): Port<T> {
    const foreign = ports.find(port => !this.#ports.has(port as Port<never>))
    if (foreign !== undefined) throw graphErrors.GRAPH_INVALID(`node '${name}' reads from '${foreign.node}', which is of another graph`, { where: `graph ${this.name}` })
    return this.#add({ type: 'merge', name, inputs: ports.map(port => port.node) })
  }

  /** Errors: GRAPH_INVALID, naming the node. */
  build (): Graph {
    return new Graph({ name: this.name, nodes: [...this.#nodes], deadLetters: this.#deadLetters })
  }

  #add<T> (node: NodeSpec): Port<T> {
    this.#nodes.push(node)
    const input = node.name
    const worked = (options: StepOptions = {}): { input: string, concurrency: number, retry: RetryPolicy } =>
      ({ input, concurrency: options.concurrency ?? 1, retry: options.retry ?? this.#retry })
    const step = <U>(emits: 'map' | 'filter' | 'split', name: string, call: unknown, options: StepOptions = {}): Port<U> =>
      this.#add({ type: 'step', name, emits, call: call as StepCall, kind: options.kind, detail: options.detail, writes: options.writes, ...worked(options) })
    const port: Port<T> = {
      node: input,
      step: (name, call, options) => step('map', name, call, options),
      filter: (name, keep, options) => step('filter', name, keep, options),
      split: (name, call, options) => step('split', name, call, options),
      batch: (name, limits) => this.#add({ type: 'batch', name, input, limits }),
      through: (name, operator, shown = {}) => this.#add({ type: 'flow', name, input, operator: operator as never, ...shown }),
      to: (name, sink, options) => { this.#nodes.push({ type: 'sink', name, part: sink as Sink<unknown>, ...worked(options) }) },
      toBatches: (name, sink, limits, options) => {
        this.#nodes.push({ type: 'batch-sink', name, part: sink as BatchSink<unknown>, limits, ...worked(options) })
      }
    }
    this.#ports.add(port as Port<never>)
    return port
  }
}

/** Starts the declaration of a graph. */
export function createGraph (name: string, options?: GraphOptions): GraphBuilder {
  return new GraphBuilder(name, options)
}
