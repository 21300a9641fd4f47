// Error codes of the mode export.
import { defineErrors } from '../pipeline/errors.ts'

export const exportErrors = defineErrors({
  EXPORT_CHANGED: {
    hint: 'Delete the files of this visit from --to, or export the night to another folder. Use the same --visit-alerts as before.'
  },
  EXPORT_INCOMPLETE: { hint: 'The log names each damaged object. Restore it, then run the same command again to export the rest.' }
})
