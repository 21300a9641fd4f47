// Opens a bucket of S3, or of a compatible service, as an object store.
import { silent } from '../pipeline/log.ts'
import type { ObjectStore } from './object-store.ts'
import { defaultRequestMs, openBucketStore, type BucketLocation, type BucketStoreOptions } from './open-bucket-store.ts'
import { S3Bucket } from './s3-bucket.ts'
import { S3Connection, type S3Settings } from './s3-connection.ts'
import { S3Upload } from './s3-upload.ts'

export interface S3StoreOptions extends BucketStoreOptions {
  readonly s3?: S3Settings & {
    /** Whether to write to a service that ignores If-None-Match. Default: opening such a store for writing fails with STORE_OVERWRITES. */
    readonly allowOverwrite?: boolean | undefined
  }
}

/** Rejects like `openBucketStore`. */
export async function openS3Store ({ bucket, prefix }: BucketLocation, options: S3StoreOptions = {}): Promise<ObjectStore> {
  const { s3 = {}, requestMs = defaultRequestMs, log = silent, upload } = options
  const connection = new S3Connection(s3, requestMs)
  const sender = upload === 'sdk' ? undefined : new S3Upload(connection, requestMs)
  const s3Options = { bucket, prefix, allowOverwrite: s3.allowOverwrite === true, log, upload: sender }
  return await openBucketStore(new S3Bucket(connection, s3Options), prefix, options)
}
