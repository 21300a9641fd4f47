// Opens a Google Cloud Storage bucket as an object store: applies the default timeout and retries. For writers, checks the bucket.
import { formatError } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { isFatal, noRetry, type RetryPolicy } from '../pipeline/retry.ts'
import { GcsClient } from './gcs-client.ts'
import { GcsStore, type GcsLocation } from './gcs-store.ts'
import { type ObjectStore } from './object-store.ts'

export interface GcsStoreOptions {
  /** 'write' checks the bucket when the store is opened. 'read' checks nothing and rejects every put. Default 'write'. */
  readonly access?: 'read' | 'write'
  readonly log?: Logger
  /** Google Cloud project. Default: the project of the credentials. */
  readonly project?: string | undefined
  /** Value of STORAGE_EMULATOR_HOST: `host:port` or a URL. */
  readonly emulatorHost?: string | undefined
  /** Deadline of one request, in milliseconds. Default 15,000. */
  readonly requestMs?: number
  /** Retries of reads. Default: no retries with 'write', because the pipeline retries the complete put; 3 attempts with 'read'. */
  readonly reads?: RetryPolicy
}

/** Default retries of readers without a pipeline, such as the API. The retries are short, because a client waits for the response. */
const readerRetry: RetryPolicy = { attempts: 3, baseMs: 200, maxMs: 2000 }

/** Rejects with STORE_EMULATOR_INVALID. 'write' also checks the bucket: a fatal error rejects, a retryable error is only logged. */
export async function openGcsStore (location: GcsLocation, options: GcsStoreOptions = {}): Promise<ObjectStore> {
  const { access = 'write', log = silent, project, emulatorHost, requestMs = 15_000 } = options
  const writable = access === 'write'
  const client = new GcsClient({ project, emulatorHost, requestMs })
  const store = new GcsStore(location, client, writable, options.reads ?? (writable ? noRetry : readerRetry))
  if (writable) {
    await store.check().catch((error: unknown) => {
      if (isFatal(error)) throw error
      log.warn({ store: store.url, error: formatError(error) }, 'store not available yet')
    })
  }
  return store
}
