// Error codes of the provenance of archived objects.
import { defineErrors } from '../pipeline/errors.ts'

export const provenanceErrors = defineErrors({
  PROVENANCE_DAMAGED: { hint: 'The alert itself can be read. To get the provenance back, restore the object from a copy.' },
  PROVENANCE_UNKNOWN: { hint: 'The alert itself can be read. To read its provenance, use a newer version of alert-stream.' }
})
