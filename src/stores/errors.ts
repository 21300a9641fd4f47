// Error codes of the archive's stores. Faults of a whole store (full, denied, gone) are retryable: an operator can put them right while
// records wait. Faults of one object (conflict, bad key, damaged) are not: trying again changes nothing.
import { defineErrors } from '../pipeline/errors.ts'

export const storeErrors = defineErrors({
  STORE_URL_INVALID: { hint: 'Give an absolute file URL with three slashes, such as file:///data/alerts, or gs://bucket/prefix.' },
  STORE_NOT_AVAILABLE: { hint: 'Google Cloud Storage (gs://) is not built in yet: use a file store, such as file:///data/alerts.' },
  STORE_KEY_INVALID: { hint: 'A key is one or more names joined by /, each 1 to 255 bytes, none of them . or .. or the folder of incoming files.' },
  STORE_MISSING: { hint: 'Create the folder or mount the volume; the ingester creates its stores when it starts.', retryable: true },
  STORE_FULL: { hint: 'Free space or raise the quota; writing goes on by itself.', retryable: true },
  STORE_DENIED: { hint: 'Give the user that runs this program the right to read (and for the ingester: write) there.', retryable: true },
  STORE_READ_ONLY: { hint: 'Mount the file system writable, or open the store for writing.', retryable: true },
  STORE_PATH_BLOCKED: { hint: 'Something on that path is not a folder: move it away, or choose another folder.' },
  STORE_NO_LINKS: { hint: 'A file store needs one file system with hard links (ext4, xfs, NFS ...) below its folder.' },
  STORE_IO: { hint: 'Look at the health of the disk or the network file system.', retryable: true },
  STORE_CLOSED: { hint: 'The store was closed while still in use: this is a fault of the program, please report it.' },
  ARCHIVE_CONFLICT: { hint: 'Nothing was overwritten. Find out why one id has two contents; to replace the object, remove it first.' },
  ALERT_ID_INVALID: { hint: 'An alert id is a decimal number from 0 to 9223372036854775807.' },
  SCHEMA_ID_INVALID: { hint: 'A schema id is a whole number from 0 to 4294967295.' },
  OBJECT_CORRUPT: { hint: 'Restore the object from a copy, or remove it and ingest the alert again.' }
})
