// The pull loop of one source: waits for credit, takes the next record, sends it off as an envelope, and hears of its settlement.
// It ends when the source does, or promptly when the graph drains, even when the source is idle in `next()`.
import type { Credits } from './credits.ts'
import { Envelope } from './envelope.ts'
import type { Meter } from './meter.ts'
import type { NodeContext, SourceRecord } from './node.ts'
import type { SourceSpec } from './spec.ts'

// An in-memory source with a synchronous sink would otherwise run on microtasks alone and starve timers and sockets.
const BREATHE_EVERY = 256

export async function pull (node: SourceSpec, context: NodeContext, credits: Credits, meter: Meter, emit: (envelope: Envelope<unknown>) => void): Promise<void> {
  const { drain } = context
  const iterator = node.part.records(context)[Symbol.asyncIterator]()
  // One listener for the whole loop: a race per record against a long-lived promise would leak one reaction per record.
  let wake: (() => void) | undefined
  const onDrain = (): void => wake?.()
  drain.addEventListener('abort', onDrain)
  const next = (): Promise<IteratorResult<SourceRecord<unknown>> | undefined> => new Promise((resolve, reject) => {
    wake = () => resolve(undefined)
    iterator.next().then(resolve, reject)
  })
  try {
    for (let pulled = 1; ; pulled++) {
      while (!drain.aborted && !credits.available) await credits.wait()
      if (drain.aborted) break
      const result = await next()
      if (result === undefined || result.done === true) break
      emit(envelopeOf(node, result.value, credits, meter))
      if (pulled % BREATHE_EVERY === 0) await new Promise(resolve => setImmediate(resolve))
    }
  } finally {
    drain.removeEventListener('abort', onDrain)
    // A generator that waits in `next()` returns only after it: do not wait for one that ignores the drain.
    const returned = iterator.return?.()
    if (returned !== undefined) await Promise.race([returned.catch(() => {}), new Promise(resolve => { setTimeout(resolve, 1000).unref() })])
  }
}

function envelopeOf (node: SourceSpec, record: SourceRecord<unknown>, credits: Credits, meter: Meter): Envelope<unknown> {
  const start = performance.now()
  credits.take(record.bytes)
  meter.enter()
  meter.bytes += record.bytes
  return Envelope.of(record, { node: node.name, position: record.position }, failure => {
    meter.leave(performance.now() - start)
    if (failure === undefined) meter.out++
    else meter.failed++
    node.part.settled?.(record, failure)
    credits.give(record.bytes)
  })
}
