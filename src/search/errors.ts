// Error codes of search: why the search is not available, and why a query has no result.
import { defineErrors } from '../pipeline/errors.ts'

export const searchErrors = defineErrors({
  SEARCH_UNAVAILABLE: { hint: 'Install the npm package @duckdb/node-api, which is optional, on a platform that it supports.' },
  SEARCH_CACHE: {
    hint: 'Set --index-cache-dir (compact and verify: --work-dir) to a folder that this user may write, on a disk with enough free space.'
  },
  SEARCH_BUSY: { hint: 'Send the request again after the time in the header Retry-After.' },
  SEARCH_TIMEOUT: { hint: 'Narrow the query: a visit, a night or a smaller radius.' },
  SEARCH_STOPPED: { hint: 'The client disconnected.' },
  SEARCH_TOO_BROAD: { hint: 'Restrict the query to a night, a visit or a time range, or raise --index-cache-mib.' },
  SEARCH_MEMORY: {
    hint: 'Restrict the query to a night, a visit or a time range, or raise --search-memory-mib (compact and verify: --memory-mib).'
  },
  SEGMENT_DAMAGED: { hint: 'Delete the segment and index its records again with `alert-stream index`.' },
  SEGMENT_GONE: { hint: 'Start the listing again from its first page.' }
})
