// Batching of envelopes. Emits: arrays in arrival order. Backpressures: by the credits upstream, of which a batch holds as many as it has
// records. Settles: each record with its batch. Completes: after the last partial batch. A batch is sent on when it is full (count or
// bytes), when it is old, or on *starvation*: the source has no credit left and no batch of this node is under way, so that nothing else
// could ever fill it. Without the last rule, credits < count is a deadlock.
import { Observable, type OperatorFunction } from 'rxjs'
import { Envelope } from './envelope.ts'
import type { BatchLimits } from './spec.ts'

/** What the runner tells of the sources' credits. */
export interface Starvation {
  readonly starved: boolean
  /** Calls back when a pull begins to wait for credit; gives the way to stop. */
  watch (listener: () => void): () => void
}

export function batchEnvelopes<T> (limits: BatchLimits, starvation: Starvation): OperatorFunction<Envelope<T>, Envelope<readonly T[]>> {
  const maxBytes = limits.bytes ?? Infinity
  const maxAge = limits.ms ?? 20
  return input => new Observable(subscriber => {
    let waiting: Envelope<T>[] = []
    let bytes = 0
    let underWay = 0
    let timer: NodeJS.Timeout | undefined
    let check: NodeJS.Immediate | undefined

    const flush = (): void => {
      clearTimeout(timer)
      timer = undefined
      if (waiting.length === 0) return
      const batch = waiting
      waiting = []
      bytes = 0
      underWay++
      subscriber.next(Envelope.batch(batch, () => {
        underWay--
        checkSoon()
      }))
    }
    // Later, not now: records that are just on their way through the nodes before this one may still join.
    const checkSoon = (): void => {
      check ??= setImmediate(() => {
        check = undefined
        if (starvation.starved && underWay === 0) flush()
      })
    }
    const unwatch = starvation.watch(checkSoon)
    const subscription = input.subscribe({
      next: envelope => {
        waiting.push(envelope)
        bytes += envelope.root.record.bytes
        if (waiting.length >= limits.count || bytes >= maxBytes) flush()
        else {
          timer ??= setTimeout(flush, maxAge)
          if (starvation.starved) checkSoon()
        }
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        flush()
        subscriber.complete()
      }
    })
    return () => {
      subscription.unsubscribe()
      unwatch()
      clearTimeout(timer)
      clearImmediate(check)
    }
  })
}
