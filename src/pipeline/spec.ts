// The data model of a declared graph: one spec per node, in the order of declaration, so that a node comes after its input.
// The builder, the runner, descriptions and the test driver use this model.
import type { OperatorFunction } from 'rxjs'
import type { CreditLimits } from './credits.ts'
import { defineErrors } from './errors.ts'
import type { Envelope } from './envelope.ts'
import type { BatchSink, DeadLetterSink, RecordContext, Sink, Source } from './node.ts'
import type { RetryPolicy } from './retry.ts'

export const graphErrors = defineErrors({
  GRAPH_INVALID: {
    hint: 'Correct the declaration of the graph: names are unique, every port is used once and leads to a sink, every limit is at least 1.'
  },
  GRAPH_REUSED: { hint: 'A graph can run only once. Declare a new graph for the next run.' },
  GRAPH_DRAIN_DEADLINE: { hint: 'Unsettled records will be delivered again. If this happens at every stop, raise the drain deadline.' },
  GRAPH_FLOW_ENDED: { hint: 'A flow completed before its input did, so records were lost. This is a bug in alert-stream: report it.' },
  GRAPH_ABORTED: { hint: 'Unsettled records will be delivered again.' }
})

/** A batch is emitted when it reaches a limit, or when a source is out of credit and no earlier batch of the node is unsettled. */
export interface BatchLimits {
  readonly count: number
  /** Maximum sum of the records' `bytes`, which the source declares (a child of a split counts with its share). Default: no limit. */
  readonly bytes?: number
  /** Milliseconds since the first record of the batch, default 20. Infinity disables this limit. */
  readonly ms?: number
}

export interface StepOptions {
  /** Records processed concurrently, default 1. Only concurrency 1 keeps their order. */
  readonly concurrency?: number
  readonly retry?: RetryPolicy
  /** Labels for descriptions. */
  readonly kind?: string
  readonly detail?: string
  /** A store that the step writes to as a side effect. Descriptions show the store as a separate node. */
  readonly writes?: SideEffect | undefined
}

/** Options of a step that emits new values. */
export interface OutputOptions<T> extends StepOptions {
  /**
   * Bytes that an output value holds in memory. From this step on, the record counts against the source's credit with these bytes instead
   * of its own, and the source releases the content of the record. The graph cannot have dead letters, which need the content.
   */
  holds? (output: T): number
}

/** A store that a step writes to in addition to emitting its output. Several steps may write to the same store. */
interface SideEffect {
  /** Name of the store in descriptions. It must differ from the names of the graph's nodes. */
  readonly name: string
  /** Kind of the store, such as `object store`. */
  readonly kind: string
  /** Location of the store: a URL or a path. Must not contain a secret. */
  readonly detail?: string | undefined
}

export type StepCall = (value: unknown, context: RecordContext) => unknown

interface Common { readonly name: string }
interface Worker extends Common {
  readonly input: string
  readonly concurrency: number
  readonly retry: RetryPolicy
}

export interface SourceSpec extends Common { readonly type: 'source', readonly part: Source<unknown>, readonly credits: CreditLimits }
export interface StepSpec extends Worker {
  readonly type: 'step'
  /** What the step emits per input: `map` one value, `filter` the input or nothing, `split` any number of values. */
  readonly emits: 'map' | 'filter' | 'split'
  readonly call: StepCall
  readonly holds?: ((output: unknown) => number) | undefined
  readonly kind?: string | undefined
  readonly detail?: string | undefined
  readonly writes?: SideEffect | undefined
}
interface BatchSpec extends Common { readonly type: 'batch', readonly input: string, readonly limits: BatchLimits }
export interface FlowSpec extends Common {
  readonly type: 'flow'
  readonly input: string
  readonly operator: OperatorFunction<Envelope<unknown>, Envelope<unknown>>
  readonly kind?: string | undefined
  readonly detail?: string | undefined
}
export interface SinkSpec extends Worker { readonly type: 'sink', readonly part: Sink<unknown> }
export interface BatchSinkSpec extends Worker {
  readonly type: 'batch-sink'
  readonly part: BatchSink<unknown>
  readonly limits: BatchLimits
}

export type NodeSpec = SourceSpec | StepSpec | BatchSpec | FlowSpec | SinkSpec | BatchSinkSpec

export interface DeadLetterSpec { readonly name: string, readonly part: DeadLetterSink, readonly retry: RetryPolicy }

export interface GraphSpec {
  readonly name: string
  readonly nodes: readonly NodeSpec[]
  readonly deadLetters?: DeadLetterSpec | undefined
}

export function isSink (node: NodeSpec): node is SinkSpec | BatchSinkSpec {
  return node.type === 'sink' || node.type === 'batch-sink'
}

/** @throws GRAPH_INVALID if the graph cannot run; the error names the node */
export function validate (graph: GraphSpec): void {
  const fail = (what: string): never => { throw graphErrors.GRAPH_INVALID(what, { where: `graph ${graph.name}` }) }
  const checkName = (name: string): void => {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) fail(`node name '${name}' is not lower-case words joined by hyphens`)
  }
  const names = new Set<string>()
  for (const { name } of [...graph.nodes, ...graph.deadLetters === undefined ? [] : [graph.deadLetters]]) {
    checkName(name)
    if (names.has(name)) fail(`two nodes are named '${name}'`)
    names.add(name)
  }
  for (const node of graph.nodes) {
    const readers = graph.nodes.filter(other => 'input' in other && other.input === node.name).map(reader => `'${reader.name}'`)
    if (readers.length === 0 && !isSink(node)) fail(`no node reads from '${node.name}': connect it to a sink`)
    if (readers.length > 1) fail(`several nodes read from '${node.name}': ${readers.join(', ')}`)
    if ('concurrency' in node && !(node.concurrency >= 1)) fail(`node '${node.name}' has concurrency ${node.concurrency}`)
    if ('retry' in node && !(node.retry.attempts >= 1)) fail(`node '${node.name}' has ${node.retry.attempts} retry attempts`)
    if (node.type === 'step' && node.writes !== undefined) {
      checkName(node.writes.name)
      if (names.has(node.writes.name)) fail(`step '${node.name}' writes to '${node.writes.name}', which is also the name of a node`)
    }
    if (node.type === 'step' && node.holds !== undefined) {
      if (graph.deadLetters !== undefined) fail(`step '${node.name}' declares the bytes of its output, but dead letters need its input`)
      const { part, name } = sourceOf(graph, node)
      if (part.release === undefined) fail(`step '${node.name}' declares the bytes of its output, but source '${name}' releases no content`)
    }
    if ('limits' in node) {
      const { count, bytes = 1, ms = 0 } = node.limits
      if (!(count >= 1)) fail(`node '${node.name}' has a batch limit of ${count} records`)
      if (!(bytes >= 1)) fail(`node '${node.name}' has a batch limit of ${bytes} bytes`)
      if (!(ms >= 0)) fail(`node '${node.name}' has a batch limit of ${ms} ms`)
    }
    if (node.type === 'source' && !(node.credits.records >= 1 && node.credits.bytes >= 1)) fail(`source '${node.name}' has no credits`)
  }
  if (!graph.nodes.some(node => node.type === 'source')) fail('the graph has no source')
  if (!graph.nodes.some(isSink)) fail('the graph has no sink')
}

/** The source whose records reach the node. Every input is a node before it. */
function sourceOf (graph: GraphSpec, node: NodeSpec): SourceSpec {
  let current = node
  while (current.type !== 'source') {
    const { input } = current
    current = graph.nodes.find(({ name }) => name === input) as NodeSpec
  }
  return current
}
