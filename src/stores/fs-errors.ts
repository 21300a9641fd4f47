// Maps file system errors (errno) to STORE_* errors.
import { AlertStreamError, systemErrorCode, messageOf } from '../pipeline/errors.ts'
import { storeErrors } from './errors.ts'

/**
 * The STORE_* error for a failed file operation. An AlertStreamError is returned unchanged.
 * @param action verb and object of the message "cannot ...", such as "write the object"
 * @param where path
 */
export function storeError (error: unknown, action: string, where: string): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const what = `cannot ${action}: ${messageOf(error)}`
  const facts = { where, cause: error }
  switch (systemErrorCode(error)) {
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
