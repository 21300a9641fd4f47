// Load shedding: if the event loop lags or memory runs out, requests for alerts and schemas get 503 with Retry-After at once, so that the
// server stays responsive. The health check and the index are always served.
import type { FastifyInstance } from 'fastify'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import { retryAfterSeconds } from './problems.ts'

/** Limits above which requests are shed. 0 disables a limit. Requests are also shed if the heap exceeds 90 % of Node's heap limit. */
export interface PressureLimits {
  /** Mean event-loop delay during a sample, in milliseconds. Default 500. */
  readonly maxEventLoopDelayMs?: number
  /** Resident memory in bytes. Default 90 % of the memory limit of the container, or disabled outside a container. */
  readonly maxRssBytes?: number
  /** Sample interval in milliseconds. Default 1000. */
  readonly sampleIntervalMs?: number
}

export async function shedLoad (app: FastifyInstance, limits: PressureLimits): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: limits.maxEventLoopDelayMs ?? 500,
    maxHeapUsedBytes: Math.floor(getHeapStatistics().heap_size_limit * 0.9),
    maxRssBytes: limits.maxRssBytes ?? defaultRssLimit(),
    sampleInterval: limits.sampleIntervalMs ?? 1000,
    retryAfter: retryAfterSeconds
  })
}

function defaultRssLimit (): number {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? Math.floor(limit * 0.9) : 0
}
