// Turns what the file system says (errno) into the store's error codes.
import { AlertStreamError, systemErrorCode } from '../pipeline/errors.ts'
import { storeErrors } from './errors.ts'

/** `doing`: what was tried, as in "writing the object failed". `where`: the path. */
export function storeError (error: unknown, doing: string, where: string): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const errno = systemErrorCode(error)
  const what = `${doing} failed${errno === undefined ? '' : ` with ${errno}`}`
  const facts = { where, cause: error }
  switch (errno) {
    case 'ENOENT': return storeErrors.STORE_MISSING(what, facts)
    case 'ENOSPC':
    case 'EDQUOT': return storeErrors.STORE_FULL(what, facts)
    case 'EACCES':
    case 'EPERM': return storeErrors.STORE_DENIED(what, facts)
    case 'EROFS': return storeErrors.STORE_READ_ONLY(what, facts)
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
    case 'ELOOP': return storeErrors.STORE_PATH_BLOCKED(what, facts)
    case 'ENAMETOOLONG': return storeErrors.STORE_KEY_INVALID(what, facts)
    case 'EXDEV':
    case 'EMLINK':
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
    case 'ENOSYS': return storeErrors.STORE_NO_LINKS(what, facts)
    default: return storeErrors.STORE_IO(what, facts)
  }
}
