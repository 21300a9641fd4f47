// Error codes of the helpers that modes share.
import { defineErrors } from '../pipeline/errors.ts'

export const programErrors = defineErrors({
  STORE_NOT_GIVEN: { hint: 'Set --alert-store, for example to file:///var/alerts or gs://bucket.', usage: true }
})

export const modeErrors = defineErrors({
  DEMO_RUNNING: { hint: 'Stop it first (Ctrl-C there), or give another --state-dir.' },
  DEMO_PART_FAILED: { hint: 'Its log file has the details.' },
  SMOKE_FAILED: { hint: 'The logs are in the state folder, which is kept.' }
})
