// Error codes of `copy`.
import { defineErrors } from '../pipeline/errors.ts'

export const copyErrors = defineErrors({
  COPY_SOURCE_GONE: { hint: 'Find out which program deletes objects of the source, and restore the object.' },
  COPY_FAILED: {
    hint: 'The report lists each object. Nothing was overwritten. Restore damaged objects of the source, and find out why others differ.'
  }
})
