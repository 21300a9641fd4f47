// The pull loop of one source: waits for credit, takes the next record and emits it as an envelope.
// The loop ends when the source ends. If the graph drains, the loop ends promptly, even if `next()` is pending, and calls `return()`.
import type { Credits } from './credits.ts'
import { Envelope } from './envelope.ts'
import { messageOf } from './errors.ts'
import type { Meter } from './meter.ts'
import type { NodeContext, SourceRecord } from './node.ts'
import type { SourceSpec } from './spec.ts'

/** Number of records after which the loop yields, so that an in-memory source with a synchronous sink does not block timers and sockets. */
const YIELD_EVERY = 256
/** Time in milliseconds that a drain waits for a source that does not end. */
const GRACE_MS = 1000

type Result = IteratorResult<SourceRecord<unknown>>

export interface PullHooks {
  emit (envelope: Envelope<unknown>): void
  settled (record: SourceRecord<unknown>, failure: Error | undefined): void
}

export async function pull (node: SourceSpec, context: NodeContext, credits: Credits, meter: Meter, hooks: PullHooks): Promise<void> {
  const { drain } = context
  const iterator = node.part.records(context)[Symbol.asyncIterator]()
  let pending: Promise<Result> | undefined
  let returned: Promise<unknown> | undefined
  let ended = false
  // One abort listener serves the whole loop. Racing each record against a long-lived promise would leak a promise reaction per record.
  let wake: (() => void) | undefined
  const onDrain = (): void => wake?.()
  drain.addEventListener('abort', onDrain)
  const next = (): Promise<Result | undefined> => new Promise((resolve, reject) => {
    wake = () => resolve(undefined)
    pending = iterator.next()
    pending.then(resolve, reject)
  })
  try {
    for (let pulled = 1; ; pulled++) {
      while (!drain.aborted && !credits.available) await credits.wait()
      if (drain.aborted) break
      let result: Result | undefined
      try {
        result = await next()
      } catch (error) {
        ended = true
        throw error
      }
      if (result === undefined) {
        // Some iterators end a pending `next()` only after `return()`. A record that `next()` still yields is processed.
        returned = iterator.return?.()
        result = await withinGrace(pending, context)
      }
      if (result === undefined) break
      if (result.done === true) {
        ended = true
        break
      }
      hooks.emit(envelopeOf(node, result.value, credits, meter, hooks))
      if (pulled % YIELD_EVERY === 0) await new Promise(resolve => setImmediate(resolve))
    }
  } finally {
    drain.removeEventListener('abort', onDrain)
    if (!ended) returned ??= iterator.return?.()
    await withinGrace(returned, context)
  }
}

// A generator handles `return()` only after its pending `next()`, so a source that ignores the drain must not be awaited for long.
// The timer is not unref'ed, because it must keep the process alive until the sinks are closed.
async function withinGrace<T> (work: Promise<T> | undefined, context: NodeContext): Promise<T | undefined> {
  if (work === undefined) return undefined
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([work, new Promise<undefined>(resolve => { timer = setTimeout(resolve, GRACE_MS, undefined) })])
  } catch (error) {
    context.log.debug({ node: context.node, error: messageOf(error) }, 'source failed while draining')
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

function envelopeOf (node: SourceSpec, record: SourceRecord<unknown>, credits: Credits, meter: Meter, hooks: PullHooks): Envelope<unknown> {
  const start = performance.now()
  const { records = 1 } = record
  let held = record.bytes
  let released = false
  credits.take(held, records)
  meter.enter(records)
  meter.bytes += held
  return Envelope.of(record, { node: node.name, position: record.position }, failure => {
    meter.leave(performance.now() - start, records)
    if (failure === undefined) meter.out += records
    else meter.failed++
    hooks.settled(record, failure)
    credits.give(held, records)
  }, (now, before) => {
    if (!released) node.part.release?.(record)
    released = true
    held += now - before
    credits.resize(now - before)
  })
}
