// Runs one record (or one batch) through one part: meters it, retries what is retryable, sends what is not to the dead letters, and fails
// the graph where neither helps. A record whose error is retryable is never dead-lettered: the record is fine, a server is not.
import { Observable, of, type ObservableInput } from 'rxjs'
import { asError } from './errors.ts'
import type { Envelope } from './envelope.ts'
import type { Meter } from './meter.ts'
import type { BatchSink, DeadLetterSink, RecordContext, Sink } from './node.ts'
import { isRetryable, retry, type Failure, type RetryPolicy } from './retry.ts'
import type { StepSpec } from './spec.ts'

/** What the runner lends to its nodes. */
export interface Runtime {
  readonly signal: AbortSignal
  readonly deadLetters: { readonly part: DeadLetterSink, readonly meter: Meter, readonly retry: RetryPolicy } | undefined
  /** Ends the graph with a failure; later ones are ignored. */
  fail (node: string, error: Error): void
  /** A try failed and will be repeated. */
  retrying (node: string, error: Error, origin: string): void
  buried (node: string, error: Error, origin: string): void
}

/** One node's work on one record, as an RxJS projection: emits what goes on, completes when the node is done with the record. */
export function stepProjection (spec: StepSpec, meter: Meter, runtime: Runtime): (envelope: Envelope<unknown>) => ObservableInput<Envelope<unknown>> {
  const emit = (envelope: Envelope<unknown>, result: unknown): Envelope<unknown>[] => {
    switch (spec.emits) {
      case 'map': return [envelope.map(result)]
      case 'split': return envelope.split(result as readonly unknown[])
      case 'filter':
        if (result === true) return [envelope]
        meter.dropped++
        envelope.settle()
        return []
    }
  }
  const done = (envelope: Envelope<unknown>, result: unknown, start: number): Envelope<unknown>[] => {
    meter.leave(performance.now() - start)
    const emitted = emit(envelope, result)
    meter.out += emitted.length
    return emitted
  }
  return envelope => {
    const start = performance.now()
    meter.enter()
    const context: RecordContext = { origin: envelope.root.origin, signal: runtime.signal, attempt: 1 }
    const recover = async (error: unknown): Promise<Envelope<unknown>[]> => {
      const outcome = await tryAgain(spec.name, meter, runtime, spec.retry, envelope, error, attempt => spec.call(envelope.value, { ...context, attempt }))
      if ('result' in outcome) return done(envelope, outcome.result, start)
      meter.leave(performance.now() - start)
      await giveUp(spec.name, meter, runtime, envelope, outcome)
      return []
    }
    let result: unknown
    try {
      result = spec.call(envelope.value, context)
    } catch (error) {
      return later(recover(error))
    }
    if (result instanceof Promise) return later(result.then(value => done(envelope, value, start), recover))
    const emitted = done(envelope, result, start)
    return emitted.length === 1 ? of(emitted[0] as Envelope<unknown>) : emitted
  }
}

/** A sink's write of one record; the envelope settles when it is durable. */
export function sinkProjection (name: string, part: Sink<unknown>, policy: RetryPolicy, meter: Meter, runtime: Runtime) {
  return (envelope: Envelope<unknown>): Observable<never> => {
    const start = performance.now()
    meter.enter()
    const context: RecordContext = { origin: envelope.root.origin, signal: runtime.signal, attempt: 1 }
    const write = async (): Promise<never[]> => {
      try {
        await part.write(envelope.value, context)
      } catch (error) {
        const outcome = await tryAgain(name, meter, runtime, policy, envelope, error, attempt => part.write(envelope.value, { ...context, attempt }))
        if ('error' in outcome) {
          meter.leave(performance.now() - start)
          await giveUp(name, meter, runtime, envelope, outcome)
          return []
        }
      }
      meter.leave(performance.now() - start)
      meter.out++
      envelope.settle()
      return []
    }
    return later(write())
  }
}

/** A sink's write of a batch; where the batch fails for good, each record is tried alone so that one bad record cannot take others along. */
export function batchSinkProjection (name: string, part: BatchSink<unknown>, policy: RetryPolicy, meter: Meter, runtime: Runtime) {
  const attemptWrite = async (envelopes: readonly Envelope<unknown>[], attempt: number): Promise<void> =>
    part.writeBatch(envelopes.map(envelope => envelope.value), { signal: runtime.signal, attempt })

  const write = async (envelopes: readonly Envelope<unknown>[]): Promise<void> => {
    const start = performance.now()
    const first = envelopes[0] as Envelope<unknown>
    for (const _ of envelopes) meter.enter()
    const leave = (): void => { for (const _ of envelopes) meter.leave(performance.now() - start) }
    try {
      await attemptWrite(envelopes, 1)
    } catch (error) {
      const outcome = await tryAgain(name, meter, runtime, policy, first, error, attempt => attemptWrite(envelopes, attempt))
      if ('error' in outcome) {
        leave()
        if (envelopes.length === 1 || isRetryable(outcome.error)) {
          for (const envelope of envelopes) await giveUp(name, meter, runtime, envelope, outcome)
        } else {
          meter.in -= envelopes.length
          for (const envelope of envelopes) await write([envelope])
        }
        return
      }
    }
    leave()
    meter.out += envelopes.length
    for (const envelope of envelopes) envelope.settle()
  }
  return (envelopes: readonly Envelope<unknown>[]): Observable<never> => later(write(envelopes).then(() => []))
}

async function tryAgain<R> (
  node: string, meter: Meter, runtime: Runtime, policy: RetryPolicy, envelope: Envelope<unknown>, error: unknown, call: (attempt: number) => R | Promise<R>
): Promise<{ readonly result: R } | Failure> {
  meter.failed++
  return retry(attempt => {
    meter.retried++
    return call(attempt)
  }, error, policy, runtime.signal, failure => runtime.retrying(node, failure, envelope.root.origin.position))
}

async function giveUp (node: string, meter: Meter, runtime: Runtime, envelope: Envelope<unknown>, failure: Failure): Promise<void> {
  const { deadLetters } = runtime
  const fail = (error: Error): void => {
    envelope.settle(error)
    runtime.fail(node, error)
  }
  if (runtime.signal.aborted || deadLetters === undefined || isRetryable(failure.error)) return fail(failure.error)
  const letter = { record: envelope.root.record, origin: envelope.root.origin, node, error: failure.error, attempts: failure.attempts }
  const start = performance.now()
  deadLetters.meter.enter()
  try {
    try {
      await deadLetters.part.bury(letter)
    } catch (error) {
      const outcome = await retry(() => deadLetters.part.bury(letter), error, deadLetters.retry, runtime.signal, () => { deadLetters.meter.retried++ })
      if ('error' in outcome) throw outcome.error
    }
  } catch (error) {
    deadLetters.meter.failed++
    deadLetters.meter.leave(performance.now() - start)
    return fail(asError(error))
  }
  deadLetters.meter.leave(performance.now() - start)
  deadLetters.meter.out++
  meter.deadLettered++
  runtime.buried(node, failure.error, envelope.root.origin.position)
  envelope.settle()
}

// mergeMap counts an inner observable as busy until it completes; RxJS would turn a promise into one itself, but emit the array as a value.
function later<T> (promise: Promise<readonly T[]>): Observable<T> {
  return new Observable<T>(subscriber => {
    promise.then(values => {
      for (const value of values) subscriber.next(value)
      subscriber.complete()
    }, (error: unknown) => subscriber.error(error))
  })
}


