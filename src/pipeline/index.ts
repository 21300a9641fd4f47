// The pipeline library: declare a graph of sources, flows and sinks, describe it, run it, test it.

export { render, type GraphDescription } from './describe.ts'
export { type Envelope } from './envelope.ts'
export { AlertStreamError, asError, declaredErrors, defineErrors, errorCode, formatError, messageOf } from './errors.ts'
export { createGraph, defaultCredits, Graph, type Port } from './graph.ts'
export { Histogram, type HistogramSnapshot } from './histogram.ts'
export { silent, type Logger } from './log.ts'
export { type NodeStats } from './meter.ts'
export { type BatchSink, type DeadLetter, type DeadLetterSink, type NodeContext, type Sink, type Source, type SourceRecord } from './node.ts'
export { type RunObserver } from './observer.ts'
export { isFatal, isRetryable, noRetry, patientRetry, persist } from './retry.ts'
export { type Run, type RunState } from './run-types.ts'
