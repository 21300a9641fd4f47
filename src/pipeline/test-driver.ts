// Runs a real graph without a broker: tests replace its sources, sinks and dead letters by node name and drive the replacements.
// Credits, retries, drain and settlement are the production code.
import { asError } from './errors.ts'
import type { Graph } from './graph.ts'
import type { BatchSink, DeadLetter, DeadLetterSink, NodeContext, RecordContext, Sink, Source, SourceRecord } from './node.ts'
import type { Run, RunOptions } from './run-types.ts'
import { isSink } from './spec.ts'

/** How a pushed record settled. */
export interface Outcome {
  readonly record: SourceRecord<unknown>
  readonly failure: Error | undefined
}

/** A source that emits the values that the test pushes. */
export class PushSource<T> implements Source<T> {
  readonly kind = 'test source'
  /** Outcomes of the pushed records, in order of settlement. */
  readonly outcomes: Outcome[] = []
  /** Records whose content the graph has released. */
  readonly released: SourceRecord<T>[] = []
  pulled = 0
  flushed = 0
  readonly #waiting = new Map<SourceRecord<T>, (outcome: Outcome) => void>()
  readonly #queue: SourceRecord<T>[] = []
  #wake: (() => void) | undefined
  #ended = false
  #position = 0

  /** Queues a record. Resolves when the record has settled. `bytes` defaults to 1, `position` to a counter. */
  push (value: T, options: { readonly bytes?: number, readonly position?: string } = {}): Promise<Outcome> {
    const record = { value, bytes: options.bytes ?? 1, position: options.position ?? `test#${this.#position++}` }
    this.#queue.push(record)
    this.#wake?.()
    return new Promise(resolve => this.#waiting.set(record, resolve))
  }

  /** Ends the source after the queued records, like the end of a file. */
  end (): void {
    this.#ended = true
    this.#wake?.()
  }

  async * records (context: NodeContext): AsyncIterable<SourceRecord<T>> {
    context.drain.addEventListener('abort', () => this.#wake?.(), { once: true })
    while (!context.drain.aborted) {
      const record = this.#queue.shift()
      if (record !== undefined) {
        this.pulled++
        yield record
      } else if (this.#ended) {
        return
      } else {
        await new Promise<void>(resolve => { this.#wake = resolve })
      }
    }
  }

  /** The record that a test receives in an outcome keeps its value. */
  release (record: SourceRecord<T>): void {
    this.released.push(record)
  }

  settled (record: SourceRecord<T>, failure?: Error): void {
    const outcome = { record, failure }
    this.outcomes.push(outcome)
    this.#waiting.get(record)?.(outcome)
    this.#waiting.delete(record)
  }

  async flush (): Promise<void> {
    this.flushed++
  }
}

interface AttemptContext { readonly attempt: number, readonly signal: AbortSignal }

/** A sink and batch sink that keeps the written values. Tests can make writes fail, or make them wait (`hold`). */
export class RecordingSink<T> implements Sink<T>, BatchSink<T> {
  readonly kind = 'test sink'
  /** Written values, in order of completion. */
  readonly values: T[] = []
  readonly batches: (readonly T[])[] = []
  writing = 0
  closed = false
  /** Called before each write. If it returns an error, the write fails. */
  fail: (value: T, attempt: number) => Error | undefined = () => undefined
  #held: PromiseWithResolvers<void> | undefined

  /** Makes later writes wait until `release` is called. */
  hold (): void {
    this.#held ??= Promise.withResolvers<void>()
  }

  release (): void {
    this.#held?.resolve()
    this.#held = undefined
  }

  async write (value: T, context: RecordContext): Promise<void | string> {
    await this.#attempt([value], context)
    this.values.push(value)
  }

  async writeBatch (values: readonly T[], context: AttemptContext): Promise<void> {
    await this.#attempt(values, context)
    this.batches.push(values)
    this.values.push(...values)
  }

  async close (): Promise<void> {
    this.closed = true
  }

  async #attempt (values: readonly T[], { attempt, signal }: AttemptContext): Promise<void> {
    this.writing++
    try {
      if (this.#held !== undefined) await Promise.race([this.#held.promise, aborted(signal)])
      for (const value of values) {
        const error = this.fail(value, attempt)
        if (error !== undefined) throw error
      }
    } finally {
      this.writing--
    }
  }
}

export class RecordingDeadLetters implements DeadLetterSink {
  readonly kind = 'test dead letters'
  readonly written: DeadLetter[] = []
  fail: () => Error | undefined = () => undefined

  async write (deadLetter: DeadLetter): Promise<void> {
    const error = this.fail()
    if (error !== undefined) throw error
    this.written.push(deadLetter)
  }
}

/** A graph that runs with replaced parts. */
export class TestDriver {
  readonly run: Run
  readonly deadLetters: RecordingDeadLetters | undefined
  readonly #sources = new Map<string, PushSource<unknown>>()
  readonly #sinks = new Map<string, RecordingSink<unknown>>()

  constructor (graph: Graph, options: RunOptions) {
    const { nodes, deadLetters } = graph.spec
    for (const node of nodes) {
      if (node.type === 'source') this.#sources.set(node.name, new PushSource())
      if (isSink(node)) this.#sinks.set(node.name, new RecordingSink())
    }
    this.deadLetters = deadLetters === undefined ? undefined : new RecordingDeadLetters()
    const sinks = (type: string) =>
      Object.fromEntries([...this.#sinks].filter(([name]) => nodes.some(node => node.name === name && node.type === type)))
    this.run = graph.with({
      sources: Object.fromEntries(this.#sources) as never,
      sinks: sinks('sink') as never,
      batchSinks: sinks('batch-sink') as never,
      ...this.deadLetters === undefined ? {} : { deadLetters: this.deadLetters }
    }).run(options)
  }

  source<T> (name: string): PushSource<T> {
    return find('source', this.#sources, name) as PushSource<T>
  }

  sink<T> (name: string): RecordingSink<T> {
    return find('sink', this.#sinks, name) as RecordingSink<T>
  }

  /** Ends every source and waits until the graph has stopped. */
  async finish (): Promise<void> {
    for (const source of this.#sources.values()) source.end()
    await this.run.done
  }
}

/** Replaces sources by PushSource, sinks by RecordingSink and dead letters by RecordingDeadLetters, then runs the graph. */
export function drive (graph: Graph, options: RunOptions = {}): TestDriver {
  return new TestDriver(graph, options)
}

function aborted (signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(asError(signal.reason))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

function find<T> (type: string, parts: ReadonlyMap<string, T>, name: string): T {
  const part = parts.get(name)
  if (part === undefined) throw new Error(`the graph has no ${type} '${name}': it has ${[...parts.keys()].join(', ')}`)
  return part
}
