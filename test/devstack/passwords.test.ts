import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ensurePasswords } from '../../src/devstack/passwords.ts'
import { tempDir } from '../support/stack.ts'

await t.test('generates each missing password once, different for each user, in a file that only the owner can read', async t => {
  const folder = join(await tempDir(t), 'passwords')
  const first = await ensurePasswords(folder, ['ann', 'bob'])
  t.match([...first.values()], [/^[\w-]{32}$/, /^[\w-]{32}$/])
  t.not(first.get('ann'), first.get('bob'))
  t.equal((await stat(join(folder, 'ann'))).mode & 0o777, 0o600)
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  t.equal(await readFile(join(folder, 'ann'), 'utf8'), `${first.get('ann')}\n`)
  await writeFile(join(folder, 'bob'), 'chosen by hand\n')
  const second = await ensurePasswords(folder, ['ann', 'bob', 'cid'])
  t.strictSame([...second].slice(0, 2), [['ann', first.get('ann')], ['bob', 'chosen by hand']])
  t.strictSame((await readdir(folder)).sort(), ['ann', 'bob', 'cid'])
})

await t.test('if the password folder cannot be created, rejects with DEVSTACK_FOLDER', async t => {
  const file = join(await tempDir(t), 'file')
  await writeFile(file, '')
  await t.rejects(ensurePasswords(join(file, 'passwords'), ['ann']), { code: 'DEVSTACK_FOLDER' })
})
