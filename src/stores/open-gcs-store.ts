// Opens a bucket of Google Cloud Storage as an object store.
import { GcsBucket } from './gcs-bucket.ts'
import { GcsClient } from './gcs-client.ts'
import { GcsUpload } from './gcs-upload.ts'
import type { ObjectStore } from './object-store.ts'
import { defaultRequestMs, openBucketStore, type BucketLocation, type BucketStoreOptions } from './open-bucket-store.ts'

export interface GcsStoreOptions extends BucketStoreOptions {
  /** Google Cloud project. Default: the project of the credentials. */
  readonly project?: string | undefined
  /** Value of STORAGE_EMULATOR_HOST: `host:port` or a URL. */
  readonly emulatorHost?: string | undefined
}

/** Rejects with STORE_EMULATOR_INVALID, and like `openBucketStore`. */
export async function openGcsStore ({ bucket, prefix }: BucketLocation, options: GcsStoreOptions = {}): Promise<ObjectStore> {
  const { project, emulatorHost, requestMs = defaultRequestMs, upload } = options
  const client = new GcsClient({ project, emulatorHost, requestMs })
  const sender = upload === 'sdk' ? undefined : new GcsUpload(client, requestMs)
  return await openBucketStore(new GcsBucket(bucket, client, sender), prefix, options)
}
