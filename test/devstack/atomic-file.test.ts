import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { writeAtomically } from '../../src/devstack/atomic-file.ts'
import { tempDir } from '../support/stack.ts'

await t.test('replaces the content and the mode of a file, and leaves no temporary file after a failure', async t => {
  const folder = await tempDir(t)
  await writeAtomically(join(folder, 'a'), 'one', 0o600)
  await writeAtomically(join(folder, 'a'), 'two', 0o644)
  t.equal(await readFile(join(folder, 'a'), 'utf8'), 'two')
  t.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o644)
  await t.rejects(writeAtomically(folder, 'onto a folder'))
  t.strictSame(await readdir(folder), ['a'])
})
