// Error codes of `verify`.
import { defineErrors, isFatal, isRetryable, messageOf } from '../pipeline/index.ts'
import { retryableStoreError } from '../stores/errors.ts'

export const verifyErrors = defineErrors({
  VERIFY_NOTHING_COMMITTED: { hint: 'Check --group, --topic and --broker: without committed offsets there is nothing to verify.' },
  VERIFY_FAILED: {
    hint: 'Run verify --repair to archive what is missing. A different object stays: find out why it differs from the record.'
  },
  VERIFY_NIGHT_FAILED: {
    hint: 'docs/index.md says what each problem means. "index --rebuild --night" writes missing rows, "compact --night" a new revision.'
  },
  // Fatal: the error says nothing about the record, so the record must not become a dead letter of --repair.
  VERIFY_CHECK_FAILED: { hint: 'This is a bug in alert-stream: run again with --debug and report it.', fatal: true }
})

/** Makes every error of a check retryable or fatal, because a failed check says nothing about the record. */
export function checkError (cause: unknown): unknown {
  const error = retryableStoreError(cause)
  if (isRetryable(error) || isFatal(error)) return error
  return verifyErrors.VERIFY_CHECK_FAILED(`cannot check the record: ${messageOf(error)}`, { cause })
}
