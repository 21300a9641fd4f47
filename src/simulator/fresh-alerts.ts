// play-stream's step for a live sky: each alert gets new ids and times as its pass's, with the schema that its frame names. An alert that cannot
// be read is copied as it is: never dropped, never a reason to stop, and told of. While the registry is away, alerts wait.
import { retryableRegistryError } from '../avro/errors.ts'
import { schemaCache } from '../avro/schema-cache.ts'
import { createRegistryClient, mjdTai, parseFrame, parseSchema, refresher, type Fresh, type Refresher } from '../avro/index.ts'
import { completionHeader } from './completion-mark.ts'
import { position } from '../kafka/record.ts'
import { errorCode, isFatal, isRetryable, messageOf, type Logger } from '../pipeline/index.ts'
import { timeOffset } from './profiles.ts'
import type { ReplayRecord } from './replay-source.ts'

export interface FreshStep {
  /** One record made fresh. To be called in order: the first alert of a pass decides by how much the times of all others move. */
  refresh (item: ReplayRecord): ReplayRecord | Promise<ReplayRecord>
  /** Alerts of the newest pass that were copied as they are. */
  readonly unmodified: number
}

const SECONDS_PER_DAY = 86_400

/** Errors of `refresh`: REGISTRY_UNAVAILABLE and what else is worth another try; FRESH_IDS_USED_UP. */
export function freshStep (registryUrl: string, fresh: Fresh, log: Logger): FreshStep {
  const registry = createRegistryClient({ url: registryUrl, log })
  const refresherOf = schemaCache(load)
  let pass = 0
  let unmodified = 0
  let told = new Set<string>()
  /** Mid-point of what has time offset 0 in this pass. */
  let firstMidpoint: number | undefined

  async function load (id: number): Promise<Refresher> {
    const text = await registry.schemaById(id).catch((error: unknown) => { throw retryableRegistryError(error) })
    const compiled = refresher(parseSchema(text, `schema ${id} of ${registry.url}`), fresh)
    if (fresh.times && !compiled.hasTime) log.warn({ schemaId: id }, 'the schema has no mid-point of an observation: its alerts keep their times')
    return compiled
  }

  function renew (item: ReplayRecord, frame: Buffer, schema: Refresher): ReplayRecord {
    const { record, second, place } = item
    const found = schema.find(frame)
    if (found.midpointMjdTai !== undefined) firstMidpoint ??= found.midpointMjdTai - timeOffset(record) / SECONDS_PER_DAY
    const shiftDays = firstMidpoint === undefined ? 0 : mjdTai(second) - firstMidpoint
    const { id, frame: value } = found.renew({ second, place, shiftDays })
    // The mark says how many alerts the load put into the static topic: it is not true of what leaves.
    const headers = record.headers.filter(([name]) => name.toString() !== completionHeader)
    return { ...item, record: { ...record, key: id === undefined ? record.key : Buffer.from(id.toString()), value, headers } }
  }

  function asItIs (item: ReplayRecord, error: unknown): ReplayRecord {
    if (isRetryable(error) || isFatal(error)) throw error
    unmodified++
    const code = errorCode(error)
    if (!told.has(code)) {
      log.warn({ pass, position: position(item.record), code, reason: messageOf(error) }, 'an alert cannot be made fresh: copied as it is; others of this code and pass are only counted')
    }
    told.add(code)
    return item
  }

  return {
    get unmodified () { return unmodified },
    refresh (item) {
      if (item.pass !== pass) {
        pass = item.pass
        unmodified = 0
        told = new Set()
        firstMidpoint = undefined
      }
      try {
        const frame = item.record.value ?? Buffer.alloc(0)
        const { schemaId } = parseFrame(frame)
        const schema = refresherOf(schemaId)
        if (!(schema instanceof Promise)) return renew(item, frame, schema)
        return schema.then(loaded => renew(item, frame, loaded)).catch((error: unknown) => asItIs(item, error))
      } catch (error) {
        return asItIs(item, error)
      }
    }
  }
}
