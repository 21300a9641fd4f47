// Error codes of the helpers that modes share.
import { defineErrors } from '../pipeline/errors.ts'

export const programErrors = defineErrors({
  STORE_NOT_GIVEN: { hint: 'Set --alert-store, for example to file:///var/alerts or gs://bucket.', usage: true }
})
