// Error codes of alert ids.
import { defineErrors } from '../pipeline/errors.ts'

export const idErrors = defineErrors({
  ID_OUT_OF_RANGE: {
    hint: 'Give a night (day_obs, YYYYMMDD), sequence number and detector that fit into an alert id, or change --packed-id-bits.',
    usage: true
  },
  ID_FORMAT_INVALID: { hint: 'Rubin uses --packed-id-bits 7,14,15,8,19 and --packed-id-tags 2,4.', usage: true }
})
