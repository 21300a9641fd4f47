// Groups records for sinks that write batches. A group is emitted when it is full (count or bytes), when it reaches its maximum age, or
// when a source is out of credit (or waits for settlement) and no earlier group of this node is unsettled. Without the credit rule, a group
// that has no maximum age would never be emitted if the source's credits are too few to fill it.
import { map, Observable, type OperatorFunction } from 'rxjs'
import { Envelope } from './envelope.ts'
import type { BatchLimits } from './spec.ts'

export interface Starvation {
  /** Whether a source is waiting for credit or for settlement. */
  readonly starved: boolean
  /** Calls `listener` whenever a source starts to wait. Returns the function that unsubscribes. */
  watch (listener: () => void): () => void
}

/** Envelopes that are processed together. The consumer settles each envelope, then calls `finished` once. */
export interface Group<T> {
  readonly envelopes: readonly Envelope<T>[]
  finished (): void
}

/** Longest delay of setTimeout in milliseconds. A timer with a longer delay fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Receives each envelope that was still waiting to be emitted when the stream ended early. */
type Abandon<T> = (envelope: Envelope<T>) => void

/** Groups envelopes in order of arrival. The last group may be partial. Settles no envelope. */
export function groupEnvelopes<T> (
  limits: BatchLimits, starvation: Starvation, abandon: Abandon<T>
): OperatorFunction<Envelope<T>, Group<T>> {
  const maxBytes = limits.bytes ?? Infinity
  const maxAgeMs = limits.ms ?? 20
  return input => new Observable(subscriber => {
    let waiting: Envelope<T>[] = []
    let bytes = 0
    let unfinished = 0
    let timer: NodeJS.Timeout | undefined
    let check: NodeJS.Immediate | undefined

    const flush = (): void => {
      clearTimeout(timer)
      timer = undefined
      if (waiting.length === 0) return
      const envelopes = waiting
      waiting = []
      bytes = 0
      unfinished++
      subscriber.next({
        envelopes,
        finished: () => {
          unfinished--
          flushIfStarved()
        }
      })
    }
    // The check is deferred, so that records in the preceding nodes can still join the group.
    const flushIfStarved = (): void => {
      if (waiting.length === 0) return
      check ??= setImmediate(() => {
        check = undefined
        if (starvation.starved && unfinished === 0) flush()
      })
    }
    const unwatch = starvation.watch(flushIfStarved)
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
        if (waiting.length >= limits.count || bytes >= maxBytes) {
          flush()
        } else {
          if (maxAgeMs <= MAX_TIMER_MS) timer ??= setTimeout(flush, maxAgeMs)
          if (unfinished === 0 && starvation.starved) flushIfStarved()
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

/** Emits each group as one envelope whose value is an array. Settling it settles each record of the group with the same outcome. */
export function batchEnvelopes<T> (
  limits: BatchLimits, starvation: Starvation, abandon: Abandon<T>
): OperatorFunction<Envelope<T>, Envelope<readonly T[]>> {
  return input => input.pipe(
    groupEnvelopes(limits, starvation, abandon),
    map(({ envelopes, finished }) => Envelope.batch(envelopes, finished))
  )
}
