// Opens a bucket as an object store: applies the default timeout and retries. For writers, checks the bucket.
import { formatError } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { isFatal, noRetry, type RetryPolicy } from '../pipeline/retry.ts'
import type { Bucket } from './bucket.ts'
import { BucketStore } from './bucket-store.ts'
import type { ObjectStore } from './object-store.ts'

export interface BucketLocation {
  readonly bucket: string
  /** Prefix of all object names. It is empty or ends with a slash. */
  readonly prefix: string
}

export interface BucketStoreOptions {
  /** 'write' checks the bucket when the store is opened. 'read' checks nothing and rejects every put. Default 'write'. */
  readonly access?: 'read' | 'write'
  readonly log?: Logger
  /** Deadline of one request, in milliseconds. Default `defaultRequestMs`. */
  readonly requestMs?: number
  /** 'lean' uploads objects over our own connections, 'sdk' through the client library of the service. Default 'lean'. */
  readonly upload?: 'lean' | 'sdk'
  /** Retries of reads. Default: no retries with 'write', because the pipeline retries the complete put; 3 attempts with 'read'. */
  readonly reads?: RetryPolicy
}

export const defaultRequestMs = 15_000
/** Default retries of readers without a pipeline, such as the API. The retries are short, because a client waits for the response. */
const readerRetry: RetryPolicy = { attempts: 3, baseMs: 200, maxMs: 2000 }

/** 'write' also checks the bucket: a fatal error rejects, a retryable error is only logged. */
export async function openBucketStore (bucket: Bucket, prefix: string, options: BucketStoreOptions): Promise<ObjectStore> {
  const { access = 'write', log = silent } = options
  const writable = access === 'write'
  const store = new BucketStore(bucket, { prefix, writable, reads: options.reads ?? (writable ? noRetry : readerRetry) })
  if (writable) {
    await store.check().catch((error: unknown) => {
      if (isFatal(error)) throw error
      log.warn({ store: store.url, error: formatError(error) }, 'store not available yet')
    })
  }
  return store
}
