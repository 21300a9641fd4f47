// Declares graphs. `createGraph(name)` returns a builder. `source` opens a port; each method of a port adds a node and returns the next
// port, so that a declaration reads from top to bottom. Ports are typed: a node that does not accept its input's type does not compile.
import type { OperatorFunction } from 'rxjs'
import type { CreditLimits } from './credits.ts'
import { describe, type GraphDescription } from './describe.ts'
import type { Envelope } from './envelope.ts'
import type { BatchSink, DeadLetterSink, RecordContext, Sink, Source } from './node.ts'
import { defaultRetry, type RetryPolicy } from './retry.ts'
import { runGraph } from './run.ts'
import type { Run, RunOptions } from './run-types.ts'
import {
  graphErrors, validate, type BatchLimits, type DeadLetterSpec, type GraphSpec, type NodeSpec, type OutputOptions, type StepCall,
  type StepOptions, type StepSpec
} from './spec.ts'

/** At most 1,000 unsettled records or 64 MiB. With alerts of 82 kB, the byte limit is reached first. */
export const defaultCredits: CreditLimits = { records: 1000, bytes: 64 * 1024 * 1024 }

const DEAD_LETTERS = 'dead-letters'

export interface GraphOptions {
  /** Receives records that a node cannot process. Without a dead-letter sink, a bad record fails the graph. */
  readonly deadLetters?: DeadLetterSink
  /** Name of the dead-letter node, default `dead-letters`. */
  readonly deadLettersName?: string
  /** Retry policy of every node and dead-letter sink without its own policy. Default `defaultRetry`. */
  readonly retry?: RetryPolicy
}

interface SinkOptions {
  readonly concurrency?: number
  readonly retry?: RetryPolicy
}

/** The output of a node, with values of type T. Exactly one node reads from it. */
export interface Port<T> {
  /**
   * Emits one value per input. Processes up to `concurrency` records at once; only concurrency 1 keeps their order. The
   * runner retries `call` after a retryable error, fails the graph after a fatal error, and dead-letters the record after any other error.
   */
  step<U> (
    name: string, call: (value: T, context: RecordContext) => U | Promise<U>, options?: OutputOptions<Awaited<U>>
  ): Port<Awaited<U>>
  /** Emits the values for which `keep` returns true. Settles all other values as done. */
  filter (name: string, keep: (value: T, context: RecordContext) => boolean | Promise<boolean>, options?: StepOptions): Port<T>
  /** Emits every value of the array that `call` returns. The input settles when all emitted values have settled. */
  split<U> (
    name: string, call: (value: T, context: RecordContext) => readonly U[] | Promise<readonly U[]>, options?: OutputOptions<U>
  ): Port<U>
  /**
   * Emits an array when it reaches a limit, or when a source is out of credit and no earlier array is unsettled. Each record settles with
   * its array. If a step or sink fails on an array, all its records are dead-lettered. (`toBatches` writes each record alone instead.)
   */
  batch (name: string, limits: BatchLimits): Port<readonly T[]>
  /**
   * Emits the envelopes that an RxJS operator emits. The operator must map or settle every envelope. Lint forbids operators that drop
   * values. An operator that completes before its input fails the graph with GRAPH_FLOW_ENDED.
   */
  through<U> (
    name: string, operator: OperatorFunction<Envelope<T>, Envelope<U>>, labels?: { readonly kind?: string, readonly detail?: string }
  ): Port<U>
  /** Ends the chain in a sink. Each record settles when its write is durable. */
  to (name: string, sink: Sink<T>, options?: SinkOptions): void
  /** Ends the chain in a sink that writes up to `concurrency` batches at once. If a batch fails for good, each record is written alone. */
  toBatches (name: string, sink: BatchSink<T>, limits: BatchLimits, options?: SinkOptions): void
}

/** Replacement parts, by node name. */
export interface Replacements {
  readonly sources?: Readonly<Record<string, Source<never>>>
  readonly sinks?: Readonly<Record<string, Sink<never>>>
  readonly batchSinks?: Readonly<Record<string, BatchSink<never>>>
  readonly deadLetters?: DeadLetterSink
}

/** A declared graph. It can be described at any time, and run once. */
export class Graph {
  readonly spec: GraphSpec
  #ran = false

  constructor (spec: GraphSpec) {
    validate(spec)
    this.spec = spec
  }

  describe (): GraphDescription {
    return describe(this.spec)
  }

  /** Opens every part, then starts pulling. If a part fails to open, `run.done` rejects. @throws GRAPH_REUSED on the second call */
  run (options: RunOptions = {}): Run {
    if (this.#ran) throw graphErrors.GRAPH_REUSED('this graph has already been run', { where: `graph ${this.spec.name}` })
    this.#ran = true
    return runGraph(this.spec, options)
  }

  /** Returns a copy of the graph with replaced parts, so that tests need no broker. @throws GRAPH_INVALID for an unknown name */
  with (replacements: Replacements): Graph {
    const { sources, sinks, batchSinks } = replacements
    const unknown = new Set([sources, sinks, batchSinks].flatMap(parts => Object.keys(parts ?? {})))
    const nodes = this.spec.nodes.map((node): NodeSpec => {
      const parts = { source: sources, sink: sinks, 'batch-sink': batchSinks }[node.type as 'source']
      if (parts === undefined || !Object.hasOwn(parts, node.name)) return node
      unknown.delete(node.name)
      return { ...node, part: parts[node.name] } as NodeSpec
    })
    if (unknown.size > 0) {
      const names = [...unknown].map(name => `'${name}'`).join(', ')
      throw graphErrors.GRAPH_INVALID(`cannot replace ${names}: unknown name or wrong type`, { where: `graph ${this.spec.name}` })
    }
    const deadLetters = replacements.deadLetters === undefined
      ? this.spec.deadLetters
      : { name: DEAD_LETTERS, retry: defaultRetry, ...this.spec.deadLetters, part: replacements.deadLetters }
    return new Graph({ ...this.spec, nodes, deadLetters })
  }
}

class GraphBuilder {
  readonly #name: string
  readonly #nodes: NodeSpec[] = []
  readonly #deadLetters: DeadLetterSpec | undefined
  readonly #retry: RetryPolicy

  constructor (name: string, options: GraphOptions = {}) {
    this.#name = name
    this.#retry = options.retry ?? defaultRetry
    this.#deadLetters = options.deadLetters === undefined
      ? undefined
      : { name: options.deadLettersName ?? DEAD_LETTERS, part: options.deadLetters, retry: options.deadLetters.retry ?? this.#retry }
  }

  /** Opens a port with the records of a source. If a graph has several sources, each leads to a separate sink. */
  source<T> (name: string, source: Source<T>, credits: Partial<CreditLimits> = {}): Port<T> {
    return this.#add({ type: 'source', name, part: source, credits: { ...defaultCredits, ...credits } })
  }

  /** @throws GRAPH_INVALID if the graph cannot run; the error names the node */
  build (): Graph {
    return new Graph({ name: this.#name, nodes: [...this.#nodes], deadLetters: this.#deadLetters })
  }

  #add<T> (node: NodeSpec): Port<T> {
    this.#nodes.push(node)
    const input = node.name
    const worker = (options: SinkOptions = {}): { input: string, concurrency: number, retry: RetryPolicy } =>
      ({ input, concurrency: options.concurrency ?? 1, retry: options.retry ?? this.#retry })
    const step = <U>(emits: 'map' | 'filter' | 'split', name: string, call: unknown, options: OutputOptions<never> = {}): Port<U> => {
      const { kind, detail, writes } = options
      const holds = options.holds as StepSpec['holds']
      return this.#add({ type: 'step', name, emits, call: call as StepCall, holds, kind, detail, writes, ...worker(options) })
    }
    return {
      step: (name, call, options) => step('map', name, call, options),
      filter: (name, keep, options) => step('filter', name, keep, options),
      split: (name, call, options) => step('split', name, call, options),
      batch: (name, limits) => this.#add({ type: 'batch', name, input, limits }),
      through: (name, operator, labels = {}) => this.#add({ type: 'flow', name, input, operator: operator as never, ...labels }),
      to: (name, sink, options) => { this.#nodes.push({ type: 'sink', name, part: sink as Sink<unknown>, ...worker(options) }) },
      toBatches: (name, sink, limits, options) => {
        this.#nodes.push({ type: 'batch-sink', name, part: sink as BatchSink<unknown>, limits, ...worker(options) })
      }
    }
  }
}

export function createGraph (name: string, options?: GraphOptions): GraphBuilder {
  return new GraphBuilder(name, options)
}
