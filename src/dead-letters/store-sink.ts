// Keeps dead letters in an object store: one JSON object per record, under a key made of the record's origin and content. Resolves when the
// object is durable. The same record delivered again finds its letter there, whatever is reported of it by then: never a second object.
import { letterOf, type Letter } from './dead-letter.ts'
import { decodeLetter, encodeLetter, letterKey, letterType, sameLetter } from './dead-letter-json.ts'
import { AlertStreamError, type DeadLetter, type DeadLetterSink, type Logger, type NodeContext } from '../pipeline/index.ts'
import { crc32c } from '../stores/crc32c.ts'
import { retryableStoreError, storeErrors } from '../stores/errors.ts'
import type { ObjectStore } from '../stores/object-store.ts'

export interface StoreDeadLettersOptions {
  /** Of the store, for descriptions. */
  readonly url: string
  /** Called when the graph opens; the sink closes what it gives. */
  readonly open: (log: Logger) => Promise<ObjectStore>
}

export interface StoreDeadLetters extends DeadLetterSink {
  /** Resolves when the store can be used; errors: STORE_*. */
  check (): Promise<void>
}

/** Tried where something else stands under the key: a damaged letter must not stop the stream at every start. */
const MAX_COPIES = 9

/** Errors, all retryable but those of opening: STORE_*. ARCHIVE_CONFLICT where every name for the letter is taken by something else. */
export function storeDeadLetters ({ url, open }: StoreDeadLettersOptions): StoreDeadLetters {
  let store: ObjectStore | undefined
  return {
    kind: 'store of dead letters',
    detail: url,
    async open (context: NodeContext) {
      store = await open(context.log)
    },
    async write (dead: DeadLetter) {
      if (store === undefined) throw new Error('the sink is not open')
      const letter = letterOf(dead)
      const body = encodeLetter(letter)
      const meta = { contentType: letterType, crc32c: crc32c(body), same: (existing: Buffer): boolean => isSame(existing, letter) }
      const key = letterKey(letter)
      for (let copy = 1; ; copy++) {
        try {
          await store.put(copy === 1 ? key : key.replace(/\.json$/, `-${copy}.json`), body, meta)
          return
        } catch (error) {
          const taken = error instanceof AlertStreamError && error.code === 'ARCHIVE_CONFLICT'
          if (!taken || copy === MAX_COPIES) throw retryableStoreError(error)
        }
      }
    },
    async check () {
      if (store === undefined) throw storeErrors.STORE_UNAVAILABLE('the store of dead letters is not open yet', { where: url })
      await store.check()
    },
    async close () {
      await store?.close()
    }
  }
}

function isSame (existing: Buffer, letter: Letter): boolean {
  try {
    return sameLetter(decodeLetter(existing), letter)
  } catch {
    return false
  }
}
