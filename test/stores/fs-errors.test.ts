import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import { storeError } from '../../src/stores/fs-errors.ts'

const errno = (code: string) => Object.assign(new Error(`${code}: from the system`), { code })

await t.test('maps errno to error codes; errors are retryable unless the path, the key or a missing link(2) causes them', async t => {
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
    t.match(storeError(errno(name), 'write the object', '/a/b'), {
      code, retryable, where: '/a/b', message: `cannot write the object: ${name}: from the system`
    })
  }
  t.match(storeError(new Error('unknown'), 'write the object', '/a'), { code: 'STORE_IO', cause: { message: 'unknown' } })
})

await t.test('returns an AlertStreamError unchanged', async t => {
  const known = storeErrors.STORE_FULL('x')
  t.equal(storeError(known, 'write the object', '/a'), known)
})
