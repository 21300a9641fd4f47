// The data model of a declared graph: one spec per node, in an order in which every input comes before its users. Builder, runner,
// description and test driver all work on this; nothing here runs.
import type { OperatorFunction } from 'rxjs'
import type { CreditLimits } from './credits.ts'
import { defineErrors } from './errors.ts'
import type { Envelope } from './envelope.ts'
import type { BatchSink, DeadLetterSink, RecordContext, Sink, Source } from './node.ts'
import type { RetryPolicy } from './retry.ts'

export const graphErrors = defineErrors({
  GRAPH_INVALID: { hint: 'Correct the declaration of the graph: every node has a unique name, every port leads somewhere, every limit is at least 1.' },
  GRAPH_REUSED: { hint: 'A graph runs once: declare a new one for the next run.' },
  GRAPH_DRAIN_DEADLINE: { hint: 'Records in flight were given up and will be delivered again; raise the deadline if this happens at every stop.' },
  GRAPH_FLOW_ENDED: { hint: 'A flow must go on until its input ends: one that stops early loses the records after it. This is a fault of the program, report it.' },
  GRAPH_ABORTED: { hint: 'Records in flight were given up and will be delivered again.' }
})

/** When a batch is sent on: at so many records, so many bytes, after so long, and always when the source has no credit left. */
export interface BatchLimits {
  readonly count: number
  /** Sum of the records' `bytes` as their source gave them (a child of a split has its share), default no limit. */
  readonly bytes?: number
  /** Milliseconds since the first record of the batch, default 20; Infinity: never for age. */
  readonly ms?: number
}

export interface StepOptions {
  /** Records worked on at once, default 1 (which also keeps their order). */
  readonly concurrency?: number
  readonly retry?: RetryPolicy
  /** Shown in descriptions. */
  readonly kind?: string
  readonly detail?: string
  /** A store that the step writes to as a side effect. Descriptions show it as a node of its own. */
  readonly writes?: SideEffect | undefined
}

/** What a step writes to besides its output. Several steps may name the same target. */
export interface SideEffect {
  /** Node name in descriptions. It must differ from the graph's other nodes. */
  readonly name: string
  /** What it is: `object store`. */
  readonly kind: string
  /** Where it is: a URL, a path. Never a secret. */
  readonly detail?: string | undefined
}

export type StepCall = (value: unknown, context: RecordContext) => unknown

interface Common { readonly name: string }
interface Worked extends Common {
  readonly input: string
  readonly concurrency: number
  readonly retry: RetryPolicy
}

export interface SourceSpec extends Common { readonly type: 'source', readonly part: Source<unknown>, readonly credits: CreditLimits }
/** `map`: one out; `filter`: the same or none; `split`: any number, the parent settles when all have. */
export interface StepSpec extends Worked {
  readonly type: 'step', readonly emits: 'map' | 'filter' | 'split', readonly call: StepCall
  readonly kind?: string | undefined, readonly detail?: string | undefined, readonly writes?: SideEffect | undefined
}
interface BatchSpec extends Common { readonly type: 'batch', readonly input: string, readonly limits: BatchLimits }
export interface FlowSpec extends Common {
  readonly type: 'flow', readonly input: string, readonly operator: OperatorFunction<Envelope<unknown>, Envelope<unknown>>
  readonly kind?: string | undefined, readonly detail?: string | undefined
}
interface MergeSpec extends Common { readonly type: 'merge', readonly inputs: readonly string[] }
export interface SinkSpec extends Worked { readonly type: 'sink', readonly part: Sink<unknown> }
export interface BatchSinkSpec extends Worked { readonly type: 'batch-sink', readonly part: BatchSink<unknown>, readonly limits: BatchLimits }

export type NodeSpec = SourceSpec | StepSpec | BatchSpec | FlowSpec | MergeSpec | SinkSpec | BatchSinkSpec

export interface DeadLetterSpec { readonly name: string, readonly part: DeadLetterSink, readonly retry: RetryPolicy }

export interface GraphSpec {
  readonly name: string
  readonly nodes: readonly NodeSpec[]
  readonly deadLetters?: DeadLetterSpec | undefined
}

export function inputsOf (node: NodeSpec): readonly string[] {
  switch (node.type) {
    case 'source': return []
    case 'merge': return node.inputs
    default: return [node.input]
  }
}

export function isSink (node: NodeSpec): node is SinkSpec | BatchSinkSpec {
  return node.type === 'sink' || node.type === 'batch-sink'
}

/** Throws GRAPH_INVALID, naming the node, where a graph could not run. */
export function validate (graph: GraphSpec): void {
  const fail = (what: string): never => { throw graphErrors.GRAPH_INVALID(what, { where: `graph ${graph.name}` }) }
  const names = new Set<string>()
  for (const name of [...graph.nodes.map(node => node.name), ...(graph.deadLetters === undefined ? [] : [graph.deadLetters.name])]) {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) fail(`node name '${name}' is not lower-case words joined by hyphens`)
    if (names.has(name)) fail(`two nodes are named '${name}'`)
    names.add(name)
  }
  const used = new Set(graph.nodes.flatMap(inputsOf))
  for (const node of graph.nodes) {
    for (const input of inputsOf(node)) if (!names.has(input)) fail(`node '${node.name}' reads from '${input}', which is of another graph`)
    if (!isSink(node) && !used.has(node.name)) fail(`nothing reads from node '${node.name}': lead it to a sink`)
    if ('concurrency' in node && !(node.concurrency >= 1)) fail(`node '${node.name}' has concurrency ${node.concurrency}`)
    if ('retry' in node && !(node.retry.attempts >= 1)) fail(`node '${node.name}' has ${node.retry.attempts} attempts`)
    if (node.type === 'step' && node.writes !== undefined) {
      const { name } = node.writes
      if (!/^[a-z][a-z0-9-]*$/.test(name)) fail(`node name '${name}' is not lower-case words joined by hyphens`)
      if (names.has(name)) fail(`step '${node.name}' writes to '${name}', which is also the name of a node`)
    }
    if (node.type === 'merge' && node.inputs.length === 0) fail(`merge '${node.name}' has no inputs`)
    if ('limits' in node) {
      const { count, bytes = 1, ms = 0 } = node.limits
      if (!(count >= 1)) fail(`node '${node.name}' batches ${count} records`)
      if (!(bytes >= 1)) fail(`node '${node.name}' batches ${bytes} bytes`)
      if (!(ms >= 0)) fail(`node '${node.name}' batches for ${ms} ms`)
    }
    if (node.type === 'source' && !(node.credits.records >= 1 && node.credits.bytes >= 1)) fail(`source '${node.name}' has no credits`)
  }
  if (!graph.nodes.some(node => node.type === 'source')) fail('there is no source')
  if (!graph.nodes.some(isSink)) fail('there is no sink')
}
