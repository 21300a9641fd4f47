// play-stream's refresh step: gives each alert new ids and times in every pass. The schema is found by the schema id in the alert's frame.
// An alert that cannot be decoded is copied unmodified, logged and counted. While the schema registry is unavailable, alerts wait.
import { retryableRegistryError } from '../avro/errors.ts'
import { schemaCache } from '../avro/schema-cache.ts'
import { createRegistryClient, mjdTai, parseFrame, parseSchema, refresher, type Fresh, type Refresher } from '../avro/index.ts'
import { completionHeader } from './completion-marker.ts'
import { position } from '../kafka/record.ts'
import { errorCode, isFatal, isRetryable, messageOf, type Logger } from '../pipeline/index.ts'
import { timeOffset } from './profiles.ts'
import type { ReplayRecord } from './replay-pass.ts'

export interface RefreshStep {
  /** The first alert of a pass determines the time shift of the whole pass. Alerts of two consecutive passes may alternate. */
  refresh (item: ReplayRecord): ReplayRecord | Promise<ReplayRecord>
  /** Number of alerts of a pass that were copied unmodified. Known for the last passes only. */
  unmodifiedIn (pass: number): number
}

const SECONDS_PER_DAY = 86_400
/** Number of passes that are remembered. At most two passes run at a time. */
const REMEMBERED_PASSES = 4

interface PassState {
  unmodified: number
  readonly loggedCodes: Set<string>
  /** Mid-point (MJD TAI, days) that corresponds to time offset 0 in this pass. */
  firstMidpoint?: number
}

/** Errors of `refresh`: REGISTRY_UNAVAILABLE and other retryable errors; FRESH_IDS_USED_UP. */
export function refreshStep (registryUrl: string, fresh: Fresh, log: Logger): RefreshStep {
  const registry = createRegistryClient({ url: registryUrl, log })
  const refresherOf = schemaCache(load)
  const passes = new Map<number, PassState>()

  function stateOf (pass: number): PassState {
    let state = passes.get(pass)
    if (state === undefined) {
      passes.set(pass, state = { unmodified: 0, loggedCodes: new Set() })
      passes.delete(pass - REMEMBERED_PASSES)
    }
    return state
  }

  async function load (id: number): Promise<Refresher> {
    const text = await registry.schemaById(id).catch((error: unknown) => { throw retryableRegistryError(error) })
    const compiled = refresher(parseSchema(text, `schema ${id} of ${registry.url}`), fresh)
    if (fresh.times && !compiled.hasTime) log.warn({ schemaId: id }, 'the schema has no observation mid-point: alerts keep their times')
    return compiled
  }

  function renew (item: ReplayRecord, frame: Buffer, schema: Refresher): ReplayRecord {
    const { record, second, index } = item
    const found = schema.find(frame)
    const state = stateOf(item.pass)
    if (found.midpointMjdTai !== undefined) state.firstMidpoint ??= found.midpointMjdTai - timeOffset(record) / SECONDS_PER_DAY
    const shiftDays = state.firstMidpoint === undefined ? 0 : mjdTai(second) - state.firstMidpoint
    const { id, frame: value } = found.renew({ second, index, shiftDays })
    // Remove the completion marker, because it describes the static topic and is not valid for the simulated topic.
    const headers = record.headers.filter(([name]) => name.toString() !== completionHeader)
    return { ...item, record: { ...record, key: id === undefined ? record.key : Buffer.from(id.toString()), value, headers } }
  }

  function copyUnmodified (item: ReplayRecord, error: unknown): ReplayRecord {
    if (isRetryable(error) || isFatal(error)) throw error
    const { pass } = item
    const state = stateOf(pass)
    state.unmodified++
    const code = errorCode(error)
    if (!state.loggedCodes.has(code)) {
      log.warn({ pass, position: position(item.record), code, reason: messageOf(error) },
        'cannot refresh an alert: copying the alert unmodified; in this pass, more alerts with this code are only counted')
    }
    state.loggedCodes.add(code)
    return item
  }

  return {
    unmodifiedIn: pass => passes.get(pass)?.unmodified ?? 0,
    refresh (item) {
      try {
        const frame = item.record.value ?? Buffer.alloc(0)
        const { schemaId } = parseFrame(frame)
        const schema = refresherOf(schemaId)
        if (!(schema instanceof Promise)) return renew(item, frame, schema)
        return schema.then(loaded => renew(item, frame, loaded)).catch((error: unknown) => copyUnmodified(item, error))
      } catch (error) {
        return copyUnmodified(item, error)
      }
    }
  }
}
