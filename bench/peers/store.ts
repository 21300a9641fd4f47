// The null store as a child process. Each run writes into a bucket of its own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { BucketReport, BucketSettings } from '../null-bucket.ts'
import type { StoreMessage, StoreRequest } from '../null-store.ts'

export interface NullStore {
  /** Base URL. */
  readonly url: string
  open (settings: BucketSettings): void
  /** Resolves when the bucket has this number of objects, which must be one of its marks. */
  reached (bucket: string, objects: number): Promise<void>
  report (bucket: string): Promise<BucketReport>
  stop (): Promise<void>
}

type BucketMessage = Exclude<StoreMessage, number>

export async function startNullStore (): Promise<NullStore> {
  const child = fork(join(import.meta.dirname, '..', 'null-store.ts'))
  const [port] = await once(child, 'message') as [number]
  const request = (message: StoreRequest): void => { child.send(message) }
  const waiting: Array<{ readonly matches: (message: BucketMessage) => boolean, readonly resolve: (message: BucketMessage) => void }> = []
  /** Marks of buckets that were reached. */
  const marks = new Set<string>()
  child.on('message', (message: BucketMessage) => {
    if ('mark' in message) marks.add(`${message.bucket} ${message.mark}`)
    for (const waiter of waiting.filter(({ matches }) => matches(message))) {
      waiting.splice(waiting.indexOf(waiter), 1)
      waiter.resolve(message)
    }
  })
  const next = (matches: (message: BucketMessage) => boolean): Promise<BucketMessage> =>
    new Promise(resolve => { waiting.push({ matches, resolve }) })
  return {
    url: `http://127.0.0.1:${port}`,
    open: request,
    reached: async (bucket, objects) => {
      if (marks.has(`${bucket} ${objects}`)) return
      await next(message => message.bucket === bucket && 'mark' in message && message.mark === objects)
    },
    report: async bucket => {
      request({ report: bucket })
      const message = await next(message => message.bucket === bucket && 'report' in message)
      return (message as { readonly report: BucketReport }).report
    },
    stop: async () => {
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  }
}
