// Error codes of `inspect`.
import { alertNameForms } from '../ids/alert-id.ts'
import { defineErrors } from '../pipeline/errors.ts'

export const inspectErrors = defineErrors({
  INSPECT_BAD_TARGET: {
    hint: `Give an alert id (${alertNameForms}), the path of a file, or a URL. For a file whose name looks like an id, write ./NAME.`,
    usage: true
  },
  INSPECT_NOT_FOUND: { hint: 'Check the name and the flags of the store.' },
  INSPECT_UNREADABLE: { hint: 'Check that the object exists and that this user may read it.' },
  INSPECT_DAMAGED: { hint: 'Restore the object from a copy, or delete it and ingest the alert again.' },
  INSPECT_PROVENANCE: { hint: 'The alert itself is intact, so keep the object. A newer version of alert-stream may read its provenance.' },
  INSPECT_NO_SCHEMA: { hint: 'Name the archive with --schema-store or --alert-store, or a registry with --schema-registry-url.' }
})
