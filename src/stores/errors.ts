// Error codes of the archive's stores. Faults of a whole file store (full, denied, gone) are retryable: an operator can put them right while
// records wait. Those of a bucket are fatal: they are mended elsewhere, and identities and roles are only taken up by a new start. Faults of
// one object (conflict, bad key, damaged) are neither: trying again changes nothing.
import { asRetryable, defineErrors } from '../pipeline/errors.ts'

export const storeErrors = defineErrors({
  STORE_URL_INVALID: { hint: 'Give an absolute file URL with three slashes, such as file:///data/alerts, or gs://bucket/prefix.' },
  STORE_EMULATOR_INVALID: { hint: 'STORAGE_EMULATOR_HOST is HOST:PORT or http://HOST:PORT; unset it to use Google Cloud Storage itself.' },
  STORE_KEY_INVALID: { hint: 'A key is one or more names joined by /, each 1 to 255 bytes (in a bucket 1024 in all), none of them . or .. or the folder of incoming files.' },
  STORE_MISSING: { hint: 'Create the folder or mount the volume; the ingester creates its stores when it starts.', retryable: true },
  STORE_FULL: { hint: 'Free space or raise the quota; writing goes on by itself.', retryable: true },
  STORE_DENIED: { hint: 'Give the user that runs this program the right to read (and for the ingester: write) there.', retryable: true },
  STORE_READ_ONLY: { hint: 'Mount the file system writable, or open the store for writing.', retryable: true },
  STORE_PATH_BLOCKED: { hint: 'Something on that path is not a folder: move it away, or choose another folder.' },
  STORE_NO_LINKS: { hint: 'A file store needs one file system with hard links (ext4, xfs, NFS ...) below its folder.' },
  STORE_IO: { hint: 'Look at the health of the disk or the network file system.', retryable: true },
  STORE_BUCKET_MISSING: { hint: 'Create the bucket, or correct its name in --alert-store or --schema-store.', fatal: true },
  STORE_BUCKET_DENIED: {
    hint: 'Grant this program\'s service account roles/storage.objectViewer on the bucket, and to write roles/storage.objectCreator too, then start it again.', fatal: true
  },
  STORE_CREDENTIALS: {
    hint: 'Give valid Application Default Credentials: Workload Identity in a cluster, GOOGLE_APPLICATION_CREDENTIALS elsewhere (STORAGE_EMULATOR_HOST for an emulator).',
    fatal: true
  },
  STORE_REFUSED: { hint: 'The store will never take such a request: look at the bucket\'s settings (requester pays, retention) and at the store\'s words.', fatal: true },
  STORE_UNAVAILABLE: { hint: 'It is tried again by itself; look at the network, and at status.cloud.google.com.', retryable: true },
  STORE_DAMAGED: { hint: 'Bytes were damaged on the way; it is tried again by itself. Look at what lies between this program and the store.', retryable: true },
  STORE_CLOSED: { hint: 'The store was closed while still in use: this is a fault of the program, please report it.' },
  ARCHIVE_CONFLICT: { hint: 'Nothing was overwritten. Find out why one id has two contents; to replace the object, remove it first.' },
  ALERT_ID_INVALID: { hint: 'An alert id is a decimal number from 0 to 9223372036854775807.' },
  SCHEMA_ID_INVALID: { hint: 'A schema id is a whole number from 0 to 4294967295.' },
  OBJECT_CORRUPT: { hint: 'Restore the object from a copy, or remove it and ingest the alert again.' }
})

/** For a single object these errors are final. For a stream of records they mean that an operator has to repair the store. */
const repairable = new Set(['STORE_PATH_BLOCKED', 'STORE_NO_LINKS', 'STORE_CLOSED'])

/** Makes store errors that say nothing about the record retryable, so that no record is dead-lettered for them. */
export function retryableStoreError (error: unknown): unknown {
  return asRetryable(error, repairable)
}
