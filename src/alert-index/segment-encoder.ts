// Encodes segments in a worker thread, one at a time. The thread starts with the first segment.
import { Worker } from 'node:worker_threads'
import { asError } from '../pipeline/index.ts'
import { buffersOf, packColumns, type PackedColumn } from './columns.ts'
import type { IndexRow } from './row.ts'

export interface EncodeRequest {
  readonly columns: readonly PackedColumn[]
  readonly metadata: Readonly<Record<string, string>>
}

export type EncodeResponse = { readonly file: Uint8Array } | { readonly error: Error }

export class SegmentEncoder {
  #worker: Worker | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** Resolves to the Parquet file. Rejects if the thread fails; the next call then starts another thread. */
  async encode (rows: readonly IndexRow[], metadata: Readonly<Record<string, string>>): Promise<Buffer> {
    const encoded = this.#last.then(async () => await this.#encode(rows, metadata))
    this.#last = encoded.catch(() => {})
    return await encoded
  }

  async #encode (rows: readonly IndexRow[], metadata: Readonly<Record<string, string>>): Promise<Buffer> {
    const columns = packColumns(rows)
    const worker = this.#worker ??= startWorker()
    const { promise, resolve, reject } = Promise.withResolvers<EncodeResponse>()
    const failed = (error: unknown): void => {
      this.#worker = undefined
      reject(asError(error))
    }
    const exited = (code: number): void => { failed(new Error(`the thread that encodes segments ended with code ${code}`)) }
    worker.once('message', resolve).once('error', failed).once('exit', exited)
    worker.postMessage({ columns, metadata } satisfies EncodeRequest, buffersOf(columns))
    try {
      const response = await promise
      if ('error' in response) throw response.error
      const { file } = response
      return Buffer.from(file.buffer, file.byteOffset, file.byteLength)
    } finally {
      worker.off('message', resolve).off('error', failed).off('exit', exited)
    }
  }

  async close (): Promise<void> {
    await this.#last
    await this.#worker?.terminate()
    this.#worker = undefined
  }
}

function startWorker (): Worker {
  // The thread has the same form as this module: TypeScript, or JavaScript after a build.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return new Worker(new URL(`./encoder-thread${extension}`, import.meta.url))
}
