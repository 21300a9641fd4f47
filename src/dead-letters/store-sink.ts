// Writes dead letters to an object store: one JSON object per record, under a key derived from the record and its origin. `write` resolves
// when the object is durable. A redelivered record is not written again, even if its report differs.
import type { DeadLetterDestination } from './dead-letter-destination.ts'
import { toDeadLetterRecord, type DeadLetterRecord } from './dead-letter.ts'
import { deadLetterContentType, deadLetterFromJson, deadLetterKey, deadLetterToJson, isSameDeadLetter } from './dead-letter-json.ts'
import { position, type KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, type DeadLetter, type Logger, type NodeContext } from '../pipeline/index.ts'
import { checksumsOf } from '../stores/checksums.ts'
import { retryableStoreError, storeErrors } from '../stores/errors.ts'
import type { ObjectStore } from '../stores/object-store.ts'

export interface DeadLetterStoreSinkOptions {
  /** URL of the store, for descriptions. */
  readonly url: string
  /** Opens the store. Called when the graph opens. The sink closes the store. */
  readonly open: (log: Logger) => Promise<ObjectStore>
}

/** If another object occupies a key, up to this many keys are tried, so that a damaged object does not stop the stream at every start. */
const MAX_KEYS = 9

/** Errors of `open`: STORE_*. Errors of `write`, all retryable: STORE_*; ARCHIVE_CONFLICT if other objects occupy every key. */
export function deadLetterStoreSink ({ url, open }: DeadLetterStoreSinkOptions): DeadLetterDestination {
  let store: ObjectStore | undefined
  return {
    kind: 'dead-letter store',
    detail: url,
    async open (context: NodeContext) {
      store = await open(context.log)
    },
    async write (failed: DeadLetter) {
      if (store === undefined) throw new Error('the sink is not open')
      const deadLetter = toDeadLetterRecord(failed)
      const body = deadLetterToJson(deadLetter)
      const same = (existing: Buffer): boolean => isCopyOf(deadLetter, existing)
      const meta = { contentType: deadLetterContentType, ...checksumsOf(body), same }
      const keys = deadLetterKeys(deadLetter)
      for (const key of keys) {
        try {
          await store.put(key, body, meta)
          return
        } catch (error) {
          const occupied = error instanceof AlertStreamError && error.code === 'ARCHIVE_CONFLICT'
          if (!occupied || key === keys.at(-1)) throw retryableStoreError(error)
        }
      }
    },
    async check () {
      if (store === undefined) throw storeErrors.STORE_UNAVAILABLE('the dead-letter store is not open yet', { where: url })
      await store.check()
    },
    async close () {
      await store?.close()
    }
  }
}

/** The keys under which the dead letter can be, in the order in which the sink tries them. */
function deadLetterKeys (deadLetter: DeadLetterRecord): readonly string[] {
  const key = deadLetterKey(deadLetter)
  return [key, ...Array.from({ length: MAX_KEYS - 1 }, (_, index) => key.replace(/\.json$/, `-${index + 2}.json`))]
}

/** Whether the store has the dead letter of a record from Kafka. Errors: STORE_*. */
export async function hasDeadLetter (store: Pick<ObjectStore, 'get'>, record: KafkaRecord): Promise<boolean> {
  const { key, value, headers } = record
  const deadLetter = { reason: '', message: '', node: '', position: position(record), attempts: 0, origin: record, key, value, headers }
  for (const name of deadLetterKeys(deadLetter)) {
    const object = await store.get(name)
    if (object === undefined) return false
    if (isCopyOf(deadLetter, object.body)) return true
  }
  return false
}

function isCopyOf (deadLetter: DeadLetterRecord, existing: Buffer): boolean {
  try {
    return isSameDeadLetter(deadLetterFromJson(existing), deadLetter)
  } catch {
    return false
  }
}
