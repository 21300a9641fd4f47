// A graph's nodes as observables of envelopes, joined as declared. Sources are subjects that the pull loops feed; everything ends in sinks,
// which emit nothing. A port with several readers forks each record, so that it settles when every branch has.
import { map, merge, share, Subject, tap, type Observable } from 'rxjs'
import { batchEnvelopes, groupEnvelopes, type Starvation } from './batch.ts'
import type { Envelope } from './envelope.ts'
import { abandon, batchSinkHandler, sinkHandler, stepHandler, type Runtime } from './execute.ts'
import type { Meter } from './meter.ts'
import { graphErrors, inputsOf, isSink, type FlowSpec, type GraphSpec, type NodeSpec } from './spec.ts'
import { work } from './work.ts'

type Stream = Observable<Envelope<unknown>>

export interface Wiring {
  /** Where each source's envelopes go in. */
  readonly entries: ReadonlyMap<string, Subject<Envelope<unknown>>>
  /** Subscribe to it to join everything; errors where an operator does. */
  readonly whole: Observable<never>
}

export function wire (graph: GraphSpec, meters: ReadonlyMap<string, Meter>, starvation: Starvation, runtime: Runtime): Wiring {
  const entries = new Map<string, Subject<Envelope<unknown>>>()
  const branches = new Map<string, Stream[]>()
  const sinks: Observable<never>[] = []
  const take = (name: string): Stream => branches.get(name)?.shift() as Stream
  const give = (envelope: Envelope<unknown>): void => abandon(envelope, runtime.signal)

  const stream = (node: NodeSpec): Stream => {
    const meter = meters.get(node.name) as Meter
    switch (node.type) {
      case 'source': {
        const entry = new Subject<Envelope<unknown>>()
        entries.set(node.name, entry)
        return entry
      }
      case 'merge': return merge(...node.inputs.map(take)).pipe(tap(() => { meter.in++; meter.out++ }))
      case 'step': return take(node.input).pipe(work(node.concurrency, stepHandler(node, meter, runtime), give))
      case 'flow': return flow(node, take(node.input), meter, runtime)
      case 'batch': return take(node.input).pipe(tap(() => { meter.in++ }), batchEnvelopes(node.limits, starvation, give), tap(() => { meter.out++ }))
      case 'sink': return take(node.input).pipe(work(node.concurrency, sinkHandler(node.name, node.part, node.retry, meter, runtime), give))
      case 'batch-sink': return take(node.input).pipe(
        groupEnvelopes(node.limits, starvation, give),
        work(node.concurrency, batchSinkHandler(node.name, node.part, node.retry, meter, runtime), group => group.envelopes.forEach(give))
      )
    }
  }
  for (const node of graph.nodes) {
    const out = stream(node)
    if (isSink(node)) sinks.push(out as Observable<never>)
    else branches.set(node.name, fanOut(out, graph.nodes.flatMap(inputsOf).filter(input => input === node.name).length))
  }
  return { entries, whole: merge(...sinks) }
}

// An operator that completes early would drop all that follows unsettled, and the graph would wait for it for ever.
function flow (node: FlowSpec, input: Stream, meter: Meter, runtime: Runtime): Stream {
  let inputEnded = false
  return input.pipe(
    tap({ next: () => { meter.in++ }, complete: () => { inputEnded = true } }),
    node.operator,
    tap({
      next: () => { meter.out++ },
      complete: () => {
        if (!inputEnded) runtime.fail(node.name, graphErrors.GRAPH_FLOW_ENDED(`the flow '${node.name}' ended before its input`, { where: `node ${node.name}` }))
      }
    })
  )
}

function fanOut (stream: Stream, count: number): Stream[] {
  if (count === 1) return [stream]
  const forks = stream.pipe(map(envelope => envelope.fork(count)), share())
  return Array.from({ length: count }, (_, branch) => forks.pipe(map(children => children[branch] as Envelope<unknown>)))
}
