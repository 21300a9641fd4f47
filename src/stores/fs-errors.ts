// Maps file system errors (errno) to STORE_* errors.
import { AlertStreamError, systemErrorCode, messageOf } from '../pipeline/errors.ts'
import { storeErrors } from './errors.ts'

/** Returns an AlertStreamError unchanged. `action` is verb and object of the message "cannot ...", such as "write the object". */
export function storeError (error: unknown, action: string, where: string): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const what = `cannot ${action}: ${messageOf(error)}`
  const context = { where, cause: error }
  switch (systemErrorCode(error)) {
    case 'ENOENT': return storeErrors.STORE_MISSING(what, context)
    case 'ENOSPC':
    case 'EDQUOT': return storeErrors.STORE_FULL(what, context)
    case 'EACCES':
    case 'EPERM': return storeErrors.STORE_DENIED(what, context)
    case 'EROFS': return storeErrors.STORE_READ_ONLY(what, context)
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
    case 'ELOOP': return storeErrors.STORE_PATH_BLOCKED(what, context)
    case 'ENAMETOOLONG': return storeErrors.STORE_KEY_INVALID(what, context)
    case 'EXDEV':
    case 'EMLINK':
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
    case 'ENOSYS': return storeErrors.STORE_NO_LINKS(what, context)
    default: return storeErrors.STORE_IO(what, context)
  }
}
