// What can go wrong when real servers are prepared, started and stopped.
import { defineErrors, systemErrorCode } from '../pipeline/errors.ts'

export const devstackErrors = defineErrors({
  DEVSTACK_PREREQUISITE: { hint: 'Install what is missing and run the command again. The container image has none of it: the demo is run from a checkout.' },
  DEVSTACK_DOWNLOAD: { hint: 'Check the network and the settings of Maven or pip, then run the command again: it goes on from what is complete.', retryable: true },
  DEVSTACK_CHECKSUM: { hint: 'The download was thrown away. Check which mirror Maven or pip uses, then run the command again.' },
  DEVSTACK_PLATFORM: { hint: 'Use a machine of one of those kinds, or do without: file stores work everywhere.' },
  DEVSTACK_PYTHON_PACKAGES: { hint: 'Check the network and pip\'s settings, then run the command again.', retryable: true },
  DEVSTACK_PORT_IN_USE: { hint: 'Stop what listens there, or leave the port out to get a free one.' },
  DEVSTACK_IN_USE: { hint: 'Stop that program first, or use another state folder.' },
  DEVSTACK_FOLDER: { hint: 'Make the folder writable for you, or choose another one.' },
  DEVSTACK_DISK_FULL: { hint: 'Free some space, or choose a folder on another disk.' },
  DEVSTACK_SERVER_DIED: { hint: 'The log file has the details.' },
  DEVSTACK_SERVER_SILENT: { hint: 'The machine may be overloaded; the log file has the details.', retryable: true }
})

/** A failed write as the user should see it: a full disk, a folder that is not writable, else the error itself. */
export function folderError (error: unknown, folder: string): unknown {
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return devstackErrors.DEVSTACK_DISK_FULL('no space is left on the disk', { where: folder, cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
    // What Node's recursive mkdir says of a file system that is read-only.
    case 'ENOENT':
      return devstackErrors.DEVSTACK_FOLDER('the folder cannot be written', { where: folder, cause: error })
    default:
      return error
  }
}
