import t from 'tap'
import { storeError } from '../../src/stores/fs-errors.ts'
import { storeErrors } from '../../src/stores/errors.ts'

const errno = (code: string) => Object.assign(new Error(`${code}: said the system`), { code })

await t.test('what the file system says becomes a code, and faults of the whole store can be tried again', async t => {
  const expected: Record<string, [string, boolean]> = {
    ENOENT: ['STORE_MISSING', true],
    ENOSPC: ['STORE_FULL', true],
    EDQUOT: ['STORE_FULL', true],
    EACCES: ['STORE_DENIED', true],
    EPERM: ['STORE_DENIED', true],
    EROFS: ['STORE_READ_ONLY', true],
    EIO: ['STORE_IO', true],
    ESTALE: ['STORE_IO', true],
    EMFILE: ['STORE_IO', true],
    ENOTDIR: ['STORE_PATH_BLOCKED', false],
    EEXIST: ['STORE_PATH_BLOCKED', false],
    EISDIR: ['STORE_PATH_BLOCKED', false],
    ENAMETOOLONG: ['STORE_KEY_INVALID', false],
    EXDEV: ['STORE_NO_LINKS', false],
    ENOTSUP: ['STORE_NO_LINKS', false]
  }
  for (const [name, [code, retryable]] of Object.entries(expected)) {
    t.match(storeError(errno(name), 'writing', '/a/b'), { code, retryable, where: '/a/b', message: `writing failed with ${name}` })
  }
  t.match(storeError(new Error('odd'), 'writing', '/a'), { code: 'STORE_IO', cause: { message: 'odd' } })
  const known = storeErrors.STORE_FULL('x')
  t.equal(storeError(known, 'writing', '/a'), known)
})
