// Dead letters of a store, as they are listed when the source opens. What is done with gets a mark, an object of its own under the name of the
// group that did it: the letter itself is never touched, so that nothing that goes wrong here can lose one.
import type { FoundLetter, LetterRecord, LetterSource } from './dead-letter-source.ts'
import { objectSource, type StoredObjectRecord } from '../sources/object-store.ts'
import { decodeLetter, letterPrefix, letterType } from './dead-letter-json.ts'
import { asError, patientRetry, persist, type Logger, type NodeContext } from '../pipeline/index.ts'
import { crc32c, type ObjectStore } from '../stores/index.ts'

export interface LetterStoreOptions {
  /** Of the store, for descriptions. */
  readonly url: string
  /** Called when the graph opens, for reading and (unless `lookOnly`) writing; the source closes what it gives. */
  readonly open: (log: Logger) => Promise<ObjectStore>
  /** Marks are kept under this name. */
  readonly group: string
  /** Puts no marks. */
  readonly lookOnly?: boolean | undefined
}

/** What all marks' keys begin with: `dead-letters-redriven/v1/{group}/{rest of the letter's key}`. */
export const markPrefix = 'dead-letters-redriven/v1/'
/** A mark of no letter, put before any is handed out: what could not be marked must not be sent. */
const begun = '~begun.json'
/** Marks being put at which no more letters are handed out. */
const MAX_MARKS = 16

/** Errors: STORE_*; a letter that cannot be read is found with its problem. */
export function letterStore ({ url, open, group, lookOnly }: LetterStoreOptions): LetterSource {
  const marks = `${markPrefix}${encodeURIComponent(group)}/`
  const left = new Set<FoundLetter>()
  const marking = new Set<Promise<void>>()
  let store: ObjectStore | undefined
  let error: Error | undefined
  let abort = new AbortController().signal
  const objects = objectSource({
    url,
    open: async log => {
      store = await open(log)
      return store
    },
    prefix: letterPrefix,
    keep: async from => {
      const done = new Set<string>()
      for await (const key of from.list(marks)) done.add(letterPrefix + key.slice(marks.length))
      return key => !done.has(key)
    }
  })

  /** `name`: the letter's key without the prefix of all letters. */
  async function put (name: string): Promise<void> {
    const body = Buffer.from(`${JSON.stringify({ letter: letterPrefix + name })}\n`)
    try {
      // What is sent and not marked would be sent again: a store that is away for a minute is waited for.
      await persist(async () => store!.put(marks + name, body, { contentType: letterType, crc32c: crc32c(body), same: () => true }), patientRetry, abort)
    } catch (failure) {
      error ??= asError(failure)
    }
  }

  function mark (key: string): void {
    const work = put(key.slice(letterPrefix.length)).finally(() => { marking.delete(work) })
    marking.add(work)
  }

  return {
    kind: 'store of letters',
    detail: `${url} as ${group}`,
    unread: 0,
    async open (context) {
      abort = context.abort
      await objects.open?.(context)
      if (lookOnly === true) return
      await put(begun)
      if (error !== undefined) throw error
    },
    async * records (context: NodeContext): AsyncGenerator<LetterRecord> {
      for await (const { value, bytes, position } of objects.records(context)) {
        while (marking.size >= MAX_MARKS) await Promise.race(marking)
        if (error !== undefined) throw error
        yield { value: foundIn(value), bytes, position }
      }
    },
    leave: found => { left.add(found) },
    settled: ({ value }, failure) => {
      if (!left.delete(value) && failure === undefined && lookOnly !== true) mark(value.position)
    },
    async flush () {
      await Promise.all(marking)
      if (error !== undefined) throw error
    },
    close: async () => objects.close?.()
  }
}

function foundIn ({ key, body }: StoredObjectRecord): FoundLetter {
  try {
    return { position: key, letter: decodeLetter(body, key) }
  } catch (problem) {
    return { position: key, letter: undefined, problem: asError(problem) }
  }
}
