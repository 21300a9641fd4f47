// Runs one record (or one batch) through one part: meters it, retries what is retryable, sends what is not to the dead letters, and fails
// the graph where neither helps. A record whose error is retryable or fatal is never dead-lettered: the record is fine, something else is not.
// Once the graph has given up, no part is called any more: what had not begun settles with the reason.
import { asError } from './errors.ts'
import type { Group } from './batch.ts'
import type { Envelope } from './envelope.ts'
import type { Meter } from './meter.ts'
import type { BatchSink, DeadLetterSink, RecordContext, Sink } from './node.ts'
import type { RunObserver } from './observer.ts'
import { isFatal, isRetryable, retry, type Failure, type RetryPolicy } from './retry.ts'
import type { StepSpec } from './spec.ts'
import { codeOf, type Troubles } from './failure-log.ts'
import type { Handler } from './work.ts'

/** What the runner lends to its nodes. */
export interface Runtime {
  readonly signal: AbortSignal
  readonly deadLetters: { readonly name: string, readonly part: DeadLetterSink, readonly meter: Meter, readonly retry: RetryPolicy } | undefined
  /** Ends the graph with a failure; later ones are ignored. */
  fail (node: string, error: Error): void
  readonly troubles: Troubles
  readonly observer: RunObserver
  /** Fields for a log line: which record it is. */
  logFields (subject: Subject): object
  /** A batch failed for good: its records are written one by one. */
  apart (node: string, error: Error, first: Subject): void
}

/** What a log line is about: the source's record, and what has become of it where it failed. */
export type Subject = Pick<Envelope<unknown>, 'root' | 'value'>

type Any = Envelope<unknown>
const NOTHING: readonly never[] = []

/** Settles a record that no node will take any more, with what the graph failed with. */
export function abandon (envelope: Any, signal: AbortSignal): void {
  envelope.settle(asError(signal.reason))
}

/** One node's work on one record: gives what goes on. */
export function stepHandler (spec: StepSpec, meter: Meter, runtime: Runtime): Handler<Any, Any> {
  const emit = (envelope: Any, result: unknown): readonly Any[] => {
    switch (spec.emits) {
      case 'map': return [envelope.map(result)]
      case 'split': return envelope.split(result as readonly unknown[])
      case 'filter':
        if (result === true) return [envelope]
        meter.dropped++
        envelope.settle()
        return NOTHING
    }
  }
  const done = (envelope: Any, result: unknown, start: number): readonly Any[] => {
    meter.leave(performance.now() - start)
    const emitted = emit(envelope, result)
    meter.out += emitted.length
    return emitted
  }
  return envelope => {
    if (runtime.signal.aborted) {
      abandon(envelope, runtime.signal)
      return NOTHING
    }
    const start = performance.now()
    meter.enter()
    const context: RecordContext = { origin: envelope.root.origin, signal: runtime.signal, attempt: 1 }
    const recover = async (error: unknown): Promise<readonly Any[]> => {
      const outcome = await tryAgain(spec.name, meter, runtime, spec.retry, envelope, error, attempt => spec.call(envelope.value, { ...context, attempt }))
      if ('result' in outcome) return done(envelope, outcome.result, start)
      meter.leave(performance.now() - start)
      await giveUp(spec.name, meter, runtime, envelope, outcome)
      return NOTHING
    }
    let result: unknown
    try {
      result = spec.call(envelope.value, context)
    } catch (error) {
      return recover(error)
    }
    return isThenable(result) ? Promise.resolve(result).then(value => done(envelope, value, start), recover) : done(envelope, result, start)
  }
}

/** A sink's write of one record; the envelope settles when it is durable. */
export function sinkHandler (name: string, part: Sink<unknown>, policy: RetryPolicy, meter: Meter, runtime: Runtime): Handler<Any, never> {
  return async envelope => {
    if (runtime.signal.aborted) {
      abandon(envelope, runtime.signal)
      return NOTHING
    }
    const start = performance.now()
    meter.enter()
    const context: RecordContext = { origin: envelope.root.origin, signal: runtime.signal, attempt: 1 }
    let result: unknown
    try {
      result = await part.write(envelope.value, context)
    } catch (error) {
      const outcome = await tryAgain(name, meter, runtime, policy, envelope, error, attempt => part.write(envelope.value, { ...context, attempt }))
      if ('error' in outcome) {
        meter.leave(performance.now() - start)
        await giveUp(name, meter, runtime, envelope, outcome)
        return NOTHING
      }
      result = outcome.result
    }
    meter.leave(performance.now() - start)
    meter.out++
    runtime.observer.wrote?.(envelope.root.record, name, result)
    envelope.settle()
    return NOTHING
  }
}

/** A sink's write of a batch; where the batch fails for good, each record is tried alone so that one bad record cannot take others along. */
export function batchSinkHandler (name: string, part: BatchSink<unknown>, policy: RetryPolicy, meter: Meter, runtime: Runtime): Handler<Group<unknown>, never> {
  const attemptWrite = async (envelopes: readonly Any[], attempt: number): Promise<void> =>
    part.writeBatch(envelopes.map(envelope => envelope.value), { signal: runtime.signal, attempt })

  const write = async (envelopes: readonly Any[]): Promise<void> => {
    if (runtime.signal.aborted) {
      for (const envelope of envelopes) abandon(envelope, runtime.signal)
      return
    }
    const start = performance.now()
    const first = envelopes[0] as Any
    for (const _ of envelopes) meter.enter()
    const leave = (): void => { for (const _ of envelopes) meter.leave(performance.now() - start) }
    try {
      await attemptWrite(envelopes, 1)
    } catch (error) {
      const outcome = await tryAgain(name, meter, runtime, policy, first, error, attempt => attemptWrite(envelopes, attempt))
      if ('error' in outcome) {
        leave()
        if (envelopes.length === 1 || isRetryable(outcome.error) || isFatal(outcome.error)) {
          for (const envelope of envelopes) await giveUp(name, meter, runtime, envelope, outcome)
        } else {
          // They enter once more, one by one. Told, since what had come through already may then be there twice.
          runtime.apart(name, outcome.error, first)
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
  return async group => {
    try {
      await write(group.envelopes)
    } finally {
      group.finished()
    }
    return NOTHING
  }
}

async function tryAgain<R> (
  node: string, meter: Meter, runtime: Runtime, policy: RetryPolicy, subject: Subject, error: unknown, call: (attempt: number) => R | Promise<R>
): Promise<{ readonly result: R } | Failure> {
  const { troubles } = runtime
  meter.failed++
  troubles.begins(node)
  const outcome = await retry(async attempt => {
    meter.retried++
    try {
      return await call(attempt)
    } catch (next) {
      meter.failed++
      throw next
    }
  }, error, policy, runtime.signal, failure => { troubles.failed(node, failure, () => runtime.logFields(subject)) })
  troubles.ends(node, 'result' in outcome)
  return outcome
}

// Every source record that would settle with the envelope is buried: one, or all of a batch that a step works on as a whole.
async function giveUp (node: string, meter: Meter, runtime: Runtime, envelope: Any, failure: Failure): Promise<void> {
  let { error } = failure
  let culprit = node
  if (runtime.deadLetters !== undefined && !isRetryable(error) && !isFatal(error)) {
    try {
      for (const root of envelope.roots) {
        await writeDeadLetter(node, runtime.deadLetters, runtime, envelope.roots.length === 1 ? envelope : { root, value: root.record.value }, failure)
        meter.countDeadLetter(codeOf(failure.error))
      }
      envelope.settle()
      return
    } catch (unburied) {
      error = asError(unburied)
      culprit = runtime.deadLetters.name
    }
  }
  // The graph first: the source that hears of the settlement, and gets credit for it, must not go on.
  runtime.fail(culprit, error)
  envelope.settle(error)
}

async function writeDeadLetter (node: string, letters: NonNullable<Runtime['deadLetters']>, runtime: Runtime, subject: Subject, failure: Failure): Promise<void> {
  if (runtime.signal.aborted) throw failure.error
  const { name, part, meter } = letters
  const { record, origin } = subject.root
  const letter = { record, origin, node, error: failure.error, attempts: failure.attempts }
  const start = performance.now()
  meter.enter()
  try {
    await part.write(letter)
  } catch (error) {
    const outcome = await tryAgain(name, meter, runtime, letters.retry, subject, error, () => part.write(letter))
    if ('error' in outcome) {
      meter.leave(performance.now() - start)
      throw outcome.error
    }
  }
  meter.leave(performance.now() - start)
  meter.out++
  runtime.observer.buried?.(record, node, failure.error)
  runtime.troubles.buried(node, failure.error, () => runtime.logFields(subject))
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function')
}
