// Error codes for preparing, starting and stopping local servers.
import { defineErrors, systemErrorCode } from '../pipeline/errors.ts'

export const devstackErrors = defineErrors({
  DEVSTACK_PREREQUISITE: {
    hint: 'Install the missing programs and run the command again. The container image has none of them, so run the demo from a checkout.'
  },
  DEVSTACK_DOWNLOAD: {
    hint: 'Check the network and the Maven or pip settings, then run the command again. Completed downloads are kept.',
    retryable: true
  },
  DEVSTACK_CHECKSUM: { hint: 'The download was discarded. Check which mirror Maven or pip uses, then run the command again.' },
  DEVSTACK_PLATFORM: { hint: 'Use a supported platform, or a file:// store, which works on every platform.' },
  DEVSTACK_PYTHON_PACKAGES: { hint: 'Check the network and the pip settings, then run the command again.', retryable: true },
  DEVSTACK_PORT_IN_USE: { hint: 'Stop the program that listens on the port, or omit the port to use a free one.' },
  DEVSTACK_IN_USE: { hint: 'Stop the program that uses the folder, or use another state folder.' },
  DEVSTACK_FOLDER: { hint: 'Make the folder writable, or choose another folder.' },
  DEVSTACK_DISK_FULL: { hint: 'Free some disk space, or choose a folder on another disk.' },
  DEVSTACK_SERVER_DIED: { hint: 'See the log file for details.' },
  DEVSTACK_SERVER_SILENT: { hint: 'The machine may be overloaded. See the log file for details.', retryable: true }
})

/** Translates a failed write into DEVSTACK_DISK_FULL or DEVSTACK_FOLDER; returns any other error unchanged. */
export function folderError (error: unknown, folder: string): unknown {
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return devstackErrors.DEVSTACK_DISK_FULL('no space left on the disk', { where: folder, cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
    // Node's recursive mkdir reports a read-only file system as ENOENT.
    case 'ENOENT':
      return devstackErrors.DEVSTACK_FOLDER('cannot write to the folder', { where: folder, cause: error })
    default:
      return error
  }
}
