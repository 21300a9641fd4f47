// Connects a graph's nodes as observables of envelopes. Pull loops emit into the subjects of the sources. Every chain ends in a sink.
import { merge, Subject, tap, type Observable } from 'rxjs'
import { batchEnvelopes, groupEnvelopes, type Starvation } from './batch.ts'
import type { Envelope } from './envelope.ts'
import { abandon, batchSinkHandler, sinkHandler, stepHandler, type Runtime } from './execute.ts'
import type { Meter } from './meter.ts'
import { graphErrors, isSink, type FlowSpec, type GraphSpec, type NodeSpec } from './spec.ts'
import { work } from './work.ts'

type Stream = Observable<Envelope<unknown>>

export interface Wiring {
  /** For each source, by node name: the subject that receives the envelopes of the source. */
  readonly entries: ReadonlyMap<string, Subject<Envelope<unknown>>>
  /** Subscribing to this observable connects the graph. It errors if an operator errors. */
  readonly sinks: Observable<never>
}

export function wire (graph: GraphSpec, meters: ReadonlyMap<string, Meter>, starvation: Starvation, runtime: Runtime): Wiring {
  const entries = new Map<string, Subject<Envelope<unknown>>>()
  const outputs = new Map<string, Stream>()
  const sinks: Observable<never>[] = []
  const drop = (envelope: Envelope<unknown>): void => abandon(envelope, runtime.signal)

  const connect = (node: NodeSpec): Stream => {
    const meter = meters.get(node.name) as Meter
    if (node.type === 'source') {
      const entry = new Subject<Envelope<unknown>>()
      entries.set(node.name, entry)
      return entry
    }
    const input = outputs.get(node.input) as Stream
    switch (node.type) {
      case 'step': return input.pipe(work(node.concurrency, stepHandler(node, meter, runtime), drop))
      case 'flow': return connectFlow(node, input, meter, runtime)
      case 'batch': return input.pipe(
        tap(({ records }) => { meter.in += records }), batchEnvelopes(node.limits, starvation, drop), tap(() => { meter.out++ })
      )
      case 'sink': return input.pipe(work(node.concurrency, sinkHandler(node, meter, runtime), drop))
      case 'batch-sink': return input.pipe(
        groupEnvelopes(node.limits, starvation, drop),
        work(node.concurrency, batchSinkHandler(node, meter, runtime), group => group.envelopes.forEach(drop))
      )
    }
  }
  for (const node of graph.nodes) {
    const output = connect(node)
    if (isSink(node)) sinks.push(output as Observable<never>)
    else outputs.set(node.name, output)
  }
  return { entries, sinks: merge(...sinks) }
}

// An operator that completes before its input would leave all later records unsettled, and the graph would never stop.
function connectFlow (node: FlowSpec, input: Stream, meter: Meter, runtime: Runtime): Stream {
  let inputEnded = false
  return input.pipe(
    tap({ next: ({ records }) => { meter.in += records }, complete: () => { inputEnded = true } }),
    node.operator,
    tap({
      next: ({ records }) => { meter.out += records },
      complete: () => {
        if (inputEnded) return
        runtime.fail(node.name, graphErrors.GRAPH_FLOW_ENDED('a flow completed before its input', { where: `node ${node.name}` }))
      }
    })
  )
}
