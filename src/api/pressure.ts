// Load shedding: when the event loop lags or memory runs out, requests get 503 with Retry-After at once instead of all getting slow.
// Registered around the routes that cost something; health and the index are outside and always answered.
import { type FastifyInstance } from 'fastify'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import { retryAfterSeconds } from './problems.ts'

/** Limits above which requests are shed; 0 switches one off. */
export interface PressureLimits {
  /** Mean delay of the event loop during a sample, milliseconds. Default 1000. */
  readonly maxEventLoopDelayMs?: number
  /** Bytes. Default 90 % of what Node allows the heap. */
  readonly maxHeapUsedBytes?: number
  /** Bytes. Default 90 % of the container's limit where there is one, else off. */
  readonly maxRssBytes?: number
  /** How often they are looked at, milliseconds. Default 1000. */
  readonly sampleIntervalMs?: number
}

export async function shedLoad (app: FastifyInstance, limits: PressureLimits): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: limits.maxEventLoopDelayMs ?? 1000,
    maxHeapUsedBytes: limits.maxHeapUsedBytes ?? Math.floor(getHeapStatistics().heap_size_limit * 0.9),
    maxRssBytes: limits.maxRssBytes ?? containerLimit(),
    sampleInterval: limits.sampleIntervalMs ?? 1000,
    retryAfter: retryAfterSeconds
  })
}

function containerLimit (): number {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? Math.floor(limit * 0.9) : 0
}
