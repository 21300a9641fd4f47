// The pull loop of one source: waits for credit, takes the next record, sends it off as an envelope, and hears of its settlement.
// It ends when the source does, or promptly when the graph drains, even when the source is idle in `next()`; it calls `return()` then.
import type { Credits } from './credits.ts'
import { Envelope } from './envelope.ts'
import { messageOf } from './errors.ts'
import type { Meter } from './meter.ts'
import type { NodeContext, SourceRecord } from './node.ts'
import type { SourceSpec } from './spec.ts'

// An in-memory source with a synchronous sink would otherwise run on microtasks alone and starve timers and sockets.
const BREATHE_EVERY = 256
/** How long a source that ignores the drain is waited for, milliseconds. */
const GRACE_MS = 1000

/** What the runner does with a record. */
export interface PullHooks {
  emit (envelope: Envelope<unknown>): void
  settled (record: SourceRecord<unknown>, failure: Error | undefined): void
}

export async function pull (node: SourceSpec, context: NodeContext, credits: Credits, meter: Meter, hooks: PullHooks): Promise<void> {
  const { drain } = context
  const iterator = node.part.records(context)[Symbol.asyncIterator]()
  let pending: Promise<IteratorResult<SourceRecord<unknown>>> | undefined
  let returned: Promise<unknown> | undefined
  let ended = false
  // One listener for the whole loop: a race per record against a long-lived promise would leak one reaction per record.
  let wake: (() => void) | undefined
  const onDrain = (): void => wake?.()
  drain.addEventListener('abort', onDrain)
  const next = (): Promise<IteratorResult<SourceRecord<unknown>> | undefined> => new Promise((resolve, reject) => {
    wake = () => resolve(undefined)
    pending = iterator.next()
    pending.then(resolve, reject)
  })
  try {
    for (let pulled = 1; ; pulled++) {
      while (!drain.aborted && !credits.available) await credits.wait()
      if (drain.aborted) break
      let result: IteratorResult<SourceRecord<unknown>> | undefined
      try {
        result = await next()
      } catch (error) {
        ended = true
        throw error
      }
      if (result === undefined) {
        // Some iterators end a pending `next()` only when told to return; a record that it still gives was taken from the source, and is ours.
        returned = iterator.return?.()
        result = await graceful(pending, context) as typeof result
      }
      if (result === undefined) break
      if (result.done === true) {
        ended = true
        break
      }
      hooks.emit(envelopeOf(node, result.value, credits, meter, hooks))
      if (pulled % BREATHE_EVERY === 0) await new Promise(resolve => setImmediate(resolve))
    }
  } finally {
    drain.removeEventListener('abort', onDrain)
    if (!ended) returned ??= iterator.return?.()
    await graceful(returned, context)
  }
}

// A generator that waits in `next()` returns only after it: do not wait for ever for one that ignores the drain. The timer keeps the process
// alive meanwhile: the sinks are still to be closed.
async function graceful<T> (work: Promise<T> | undefined, context: NodeContext): Promise<T | undefined> {
  if (work === undefined) return undefined
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([work, new Promise<undefined>(resolve => { timer = setTimeout(resolve, GRACE_MS, undefined) })])
  } catch (error) {
    context.log.debug({ node: context.node, error: messageOf(error) }, 'the source ended its last call with an error')
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

function envelopeOf (node: SourceSpec, record: SourceRecord<unknown>, credits: Credits, meter: Meter, hooks: PullHooks): Envelope<unknown> {
  const start = performance.now()
  const { bytes } = record
  credits.take(bytes)
  meter.enter()
  meter.bytes += bytes
  return Envelope.of(record, { node: node.name, position: record.position }, failure => {
    meter.leave(performance.now() - start)
    if (failure === undefined) meter.out++
    else meter.failed++
    hooks.settled(record, failure)
    credits.give(bytes)
  })
}
