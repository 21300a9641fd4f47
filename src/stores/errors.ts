// Error codes of the object stores and the archive. The class of an error decides what the pipeline does:
// - A fault of the file store (full, access denied, unmounted) is retryable, so records wait until an operator has fixed the store.
// - A rejected request to a bucket is fatal, because changed credentials or roles take effect only after a restart.
// - A fault of one object (conflict, invalid key, corrupt bytes) is neither retryable nor fatal, so the record is dead-lettered.
import { asRetryable, defineErrors } from '../pipeline/errors.ts'

export const storeErrors = defineErrors({
  STORE_URL_INVALID: {
    hint: 'Give an absolute file URL with three slashes, such as file:///data/alerts, or gs://BUCKET[/PREFIX] or s3://BUCKET[/PREFIX].', usage: true
  },
  STORE_EMULATOR_INVALID: {
    hint: 'Set STORAGE_EMULATOR_HOST to HOST:PORT or http://HOST:PORT, or unset it to use Google Cloud Storage.', usage: true
  },
  STORE_KEY_INVALID: {
    hint: 'Use 1 or more names joined by "/", each 1 to 255 bytes and not ".", ".." or ".incoming" (in a bucket, 1024 bytes in total).'
  },
  STORE_MISSING: {
    hint: 'Create the folder, mount the volume, or correct the URL of the store. The ingester creates missing folders when it starts.',
    retryable: true
  },
  STORE_FULL: { hint: 'Free some space or raise the quota. Writes are retried until they succeed.', retryable: true },
  STORE_DENIED: { hint: 'Give the user of this process read permission on the folder (and write permission to ingest).', retryable: true },
  STORE_READ_ONLY: { hint: 'Mount the file system read-write, or open the store for writing.', retryable: true },
  STORE_PATH_BLOCKED: { hint: 'A file exists where the store needs a folder. Move the file away, or choose another folder.' },
  STORE_NO_LINKS: { hint: 'Use a single file system with hard links (ext4, xfs, NFS) for the complete folder of the store.' },
  STORE_IO: { hint: 'Check the disk or the network file system.', retryable: true },
  STORE_BUCKET_MISSING: { hint: 'Create the bucket, or correct its name in the URL of the store.', fatal: true },
  STORE_BUCKET_DENIED: {
    hint: 'Grant the service account roles/storage.objectViewer on the bucket (to write, also roles/storage.objectCreator), then restart.',
    fatal: true
  },
  STORE_CREDENTIALS: {
    hint: 'Provide Application Default Credentials: Workload Identity in a cluster, GOOGLE_APPLICATION_CREDENTIALS elsewhere. ' +
      'For an emulator, set STORAGE_EMULATOR_HOST instead.',
    fatal: true
  },
  STORE_OVERWRITES: {
    hint: 'Use a store with conditional writes. If only one ingester writes each alert, --s3-allow-overwrite accepts the risk.', fatal: true
  },
  STORE_REFUSED: { hint: 'Check the settings of the bucket (requester pays, retention). A retry cannot succeed.', fatal: true },
  STORE_UNAVAILABLE: {
    hint: 'The request is retried. If this persists, check the network and the status page of the storage service.', retryable: true
  },
  STORE_DAMAGED: {
    hint: 'The request is retried. If this persists, check proxies and the network between this host and the store.', retryable: true
  },
  STORE_CLOSED: { hint: 'This is a bug in alert-stream: please report it.' },
  ARCHIVE_CONFLICT: { hint: 'Nothing was overwritten. Find out why two objects have the same id. To replace the object, delete it first.' },
  ALERT_ID_INVALID: { hint: 'Use alert ids from 0 to 9223372036854775807.' },
  SCHEMA_ID_INVALID: { hint: 'Give a whole number from 0 to 4294967295.' },
  OBJECT_CORRUPT: { hint: 'Restore the object from a copy, or delete it and ingest the alert again.' },
  OBJECT_TOO_LARGE: { hint: 'If the object is a valid alert, raise --max-record-mib. Otherwise delete it and ingest the alert again.' }
})

/** Errors of the whole store. A single call fails with such an error; a stream of records waits until an operator repairs the store. */
const repairable = new Set(['STORE_PATH_BLOCKED', 'STORE_NO_LINKS', 'STORE_CLOSED'])

/** Makes errors of the whole store retryable, so that they never dead-letter a record. */
export function retryableStoreError (error: unknown): unknown {
  return asRetryable(error, repairable)
}
