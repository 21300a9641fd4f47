// Batching of envelopes. Emits: groups in arrival order. Backpressures: by the credits upstream, of which a group holds as many as it has
// records. Settles: each record with its group, or by its own outcome. Completes: after the last partial group. A group is sent on when it
// is full (count or bytes), when it is old, or on *starvation*: a source has no credit left and no group of this node is under way, so
// that nothing else could ever fill it. Without the last rule, credits < count is a deadlock.
import { map, Observable, type OperatorFunction } from 'rxjs'
import { Envelope } from './envelope.ts'
import type { BatchLimits } from './spec.ts'

/** What the runner tells of the sources' credits. */
export interface Starvation {
  readonly starved: boolean
  /** Calls back when a pull begins to wait for credit; gives the way to stop. */
  watch (listener: () => void): () => void
}

/** Envelopes that go on together. Whoever takes a group settles each of them and then says `finished`, once. */
export interface Group<T> {
  readonly envelopes: readonly Envelope<T>[]
  finished (): void
}

/** What setTimeout takes; beyond it, it fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1

export function groupEnvelopes<T> (limits: BatchLimits, starvation: Starvation, abandon: (unsent: Envelope<T>) => void): OperatorFunction<Envelope<T>, Group<T>> {
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
      const envelopes = waiting
      waiting = []
      bytes = 0
      underWay++
      subscriber.next({
        envelopes,
        finished: () => {
          underWay--
          checkSoon()
        }
      })
    }
    // Later, not now: records that are just on their way through the nodes before this one may still join.
    const checkSoon = (): void => {
      if (waiting.length === 0) return
      check ??= setImmediate(() => {
        check = undefined
        if (starvation.starved && underWay === 0) flush()
      })
    }
    const unwatch = starvation.watch(checkSoon)
    subscriber.add(() => {
      unwatch()
      clearTimeout(timer)
      clearImmediate(check)
      for (const envelope of waiting) abandon(envelope)
      waiting = []
    })
    subscriber.add(input.subscribe({
      next: envelope => {
        waiting.push(envelope)
        bytes += envelope.bytes
        if (waiting.length >= limits.count || bytes >= maxBytes) flush()
        else {
          if (maxAge <= LONGEST_TIMER) timer ??= setTimeout(flush, maxAge)
          if (underWay === 0 && starvation.starved) checkSoon()
        }
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        flush()
        subscriber.complete()
      }
    }))
  })
}

/** Groups as envelopes of arrays: whatever settles the array settles each of its records so. */
export function batchEnvelopes<T> (limits: BatchLimits, starvation: Starvation, abandon: (unsent: Envelope<T>) => void): OperatorFunction<Envelope<T>, Envelope<readonly T[]>> {
  return input => input.pipe(groupEnvelopes(limits, starvation, abandon), map(({ envelopes, finished }) => Envelope.batch(envelopes, finished)))
}
