// Runs one record or one batch through one node. Keeps stats, retries calls after retryable errors, dead-letters bad records, and otherwise
// fails the graph. A record whose error is retryable or fatal is never dead-lettered, because the record is not at fault.
// After the graph has failed, no part is called again, and records that no node is processing settle with the failure.
import { asError, errorCode } from './errors.ts'
import type { Group } from './batch.ts'
import { recordsIn, type Envelope } from './envelope.ts'
import type { Meter } from './meter.ts'
import type { DeadLetterSink, RecordContext } from './node.ts'
import type { RunObserver } from './observer.ts'
import { isFatal, isRetryable, retry, type Failure, type RetryPolicy } from './retry.ts'
import type { BatchSinkSpec, SinkSpec, StepSpec } from './spec.ts'
import type { FailureLog } from './failure-log.ts'
import type { Handler } from './work.ts'

/** Functions and state that the runner provides to the nodes of a graph. */
export interface Runtime {
  readonly signal: AbortSignal
  readonly deadLetters: {
    readonly name: string, readonly part: DeadLetterSink, readonly meter: Meter, readonly retry: RetryPolicy
  } | undefined
  /** Fails the graph. Later failures are ignored. */
  fail (node: string, error: Error): void
  readonly failureLog: FailureLog
  readonly observer: RunObserver
  /** Returns log fields that identify the record. */
  logFields (subject: Subject): object
  /** Logs that a batch failed for good and that its records are now written one at a time. */
  batchFailed (node: string, error: Error, first: Subject): void
}

/** The subject of a log line: the source record, and the value that the node received. */
export type Subject = Pick<Envelope<unknown>, 'root' | 'value'>

type Any = Envelope<unknown>
const NOTHING: readonly never[] = []

/** Settles a record with the failure of the graph, because no node will process the record any more. */
export function abandon (envelope: Any, signal: AbortSignal): void {
  envelope.settle(asError(signal.reason))
}

/** Handles one record in a step and returns the envelopes that it emits. */
export function stepHandler (spec: StepSpec, meter: Meter, runtime: Runtime): Handler<Any, Any> {
  const { holds } = spec
  const declared = (output: Any): Any => {
    if (holds !== undefined) output.hold(holds(output.value))
    return output
  }
  const emit = (envelope: Any, result: unknown): readonly Any[] => {
    switch (spec.emits) {
      case 'map': return [declared(envelope.map(result))]
      case 'split': return envelope.split(result as readonly unknown[]).map(declared)
      case 'filter':
        if (result === true) return [envelope]
        meter.dropped += envelope.records
        envelope.settle()
        return NOTHING
    }
  }
  const succeed = (envelope: Any, result: unknown, start: number): readonly Any[] => {
    meter.leave(performance.now() - start, envelope.records)
    const emitted = emit(envelope, result)
    meter.out += recordsIn(emitted)
    return emitted
  }
  return envelope => {
    if (runtime.signal.aborted) {
      abandon(envelope, runtime.signal)
      return NOTHING
    }
    const start = performance.now()
    meter.enter(envelope.records)
    const context: RecordContext = { origin: envelope.root.origin, signal: runtime.signal, attempt: 1 }
    const recover = async (error: unknown): Promise<readonly Any[]> => {
      const call = (attempt: number): unknown => spec.call(envelope.value, { ...context, attempt })
      const outcome = await retryLogged(spec.name, meter, runtime, spec.retry, envelope, error, call)
      if ('result' in outcome) return succeed(envelope, outcome.result, start)
      meter.leave(performance.now() - start, envelope.records)
      await giveUp(spec.name, meter, runtime, envelope, outcome)
      return NOTHING
    }
    let result: unknown
    try {
      result = spec.call(envelope.value, context)
    } catch (error) {
      return recover(error)
    }
    return isThenable(result)
      ? Promise.resolve(result).then(value => succeed(envelope, value, start), recover)
      : succeed(envelope, result, start)
  }
}

/** Writes one record to a sink. The envelope settles when the write is durable. */
export function sinkHandler ({ name, part, retry: policy }: SinkSpec, meter: Meter, runtime: Runtime): Handler<Any, never> {
  return async envelope => {
    if (runtime.signal.aborted) {
      abandon(envelope, runtime.signal)
      return NOTHING
    }
    const start = performance.now()
    meter.enter(envelope.records)
    const { value, root: { record, origin } } = envelope
    const outcome = await callWithRetries(name, meter, runtime, policy, envelope, attempt =>
      part.write(value, { origin, signal: runtime.signal, attempt }))
    meter.leave(performance.now() - start, envelope.records)
    if ('error' in outcome) {
      await giveUp(name, meter, runtime, envelope, outcome)
      return NOTHING
    }
    meter.out += envelope.records
    runtime.observer.wrote?.(record, name, outcome.result)
    envelope.settle()
    return NOTHING
  }
}

/** Writes a batch to a sink. If the batch fails for good, each record is written alone, so that a bad record affects no other record. */
export function batchSinkHandler (
  { name, part, retry: policy }: BatchSinkSpec, meter: Meter, runtime: Runtime
): Handler<Group<unknown>, never> {
  const write = async (envelopes: readonly Any[]): Promise<void> => {
    if (runtime.signal.aborted) {
      for (const envelope of envelopes) abandon(envelope, runtime.signal)
      return
    }
    const start = performance.now()
    const first = envelopes[0] as Any
    const records = recordsIn(envelopes)
    meter.enter(records)
    const outcome = await callWithRetries(name, meter, runtime, policy, first, attempt =>
      part.writeBatch(envelopes.map(envelope => envelope.value), { signal: runtime.signal, attempt }))
    meter.leave(performance.now() - start, records)
    if ('error' in outcome) {
      if (envelopes.length === 1 || isRetryable(outcome.error) || isFatal(outcome.error)) {
        for (const envelope of envelopes) await giveUp(name, meter, runtime, envelope, outcome)
      } else {
        // The failure is logged, because records that the failed batch has already written may now be written twice.
        runtime.batchFailed(name, outcome.error, first)
        // Each record is counted again when it is written alone, so the records of the batch are subtracted here.
        meter.in -= records
        for (const envelope of envelopes) await write([envelope])
      }
      return
    }
    meter.out += records
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

/** Runs `call` with retries, stats and log lines. */
async function callWithRetries<R> (
  node: string, meter: Meter, runtime: Runtime, policy: RetryPolicy, subject: Subject, call: (attempt: number) => Promise<R>
): Promise<{ readonly result: R } | Failure> {
  try {
    return { result: await call(1) }
  } catch (error) {
    return await retryLogged(node, meter, runtime, policy, subject, error, call)
  }
}

/** Retries `call`, whose first attempt failed with `error`, with stats and log lines. */
async function retryLogged<R> (
  node: string, meter: Meter, runtime: Runtime, policy: RetryPolicy, subject: Subject, error: unknown,
  call: (attempt: number) => R | Promise<R>
): Promise<{ readonly result: R } | Failure> {
  const { failureLog } = runtime
  meter.failed++
  failureLog.retryBegins(node)
  const outcome = await retry(async attempt => {
    meter.retried++
    try {
      return await call(attempt)
    } catch (next) {
      meter.failed++
      throw next
    }
  }, error, policy, runtime.signal, failure => { failureLog.attemptFailed(node, failure, () => runtime.logFields(subject)) })
  failureLog.retryEnds(node, 'result' in outcome)
  return outcome
}

// Dead-letters every source record that settles with the envelope (several if the envelope is a batch), or fails the graph.
async function giveUp (node: string, meter: Meter, runtime: Runtime, envelope: Any, failure: Failure): Promise<void> {
  let { error } = failure
  let failedNode = node
  if (runtime.deadLetters !== undefined && !isRetryable(error) && !isFatal(error)) {
    try {
      for (const root of envelope.roots) {
        const subject = envelope.roots.length === 1 ? envelope : { root, value: root.record.value }
        await writeDeadLetter(node, runtime.deadLetters, runtime, subject, failure)
        meter.countDeadLetter(errorCode(failure.error))
      }
      envelope.settle()
      return
    } catch (deadLetterError) {
      error = asError(deadLetterError)
      failedNode = runtime.deadLetters.name
    }
  }
  // Fail the graph before settling, because settling returns credit and the source must not be pulled again.
  runtime.fail(failedNode, error)
  envelope.settle(error)
}

async function writeDeadLetter (
  node: string, deadLetters: NonNullable<Runtime['deadLetters']>, runtime: Runtime, subject: Subject, failure: Failure
): Promise<void> {
  if (runtime.signal.aborted) throw failure.error
  const { name, part, meter } = deadLetters
  const { record, origin } = subject.root
  const deadLetter = { record, origin, node, error: failure.error, attempts: failure.attempts }
  const start = performance.now()
  meter.enter()
  const outcome = await callWithRetries(name, meter, runtime, deadLetters.retry, subject, () => part.write(deadLetter))
  meter.leave(performance.now() - start)
  if ('error' in outcome) throw outcome.error
  meter.out++
  runtime.observer.deadLettered?.(record, node, failure.error)
  runtime.failureLog.deadLettered(node, failure.error, () => runtime.logFields(subject))
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function')
}
