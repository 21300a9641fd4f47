import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ensurePasswords, writeWhole } from '../../src/devstack/secrets.ts'
import { tempDir } from '../support/stack.ts'

await t.test('passwords are made once, differ, and are for nobody else to read', async t => {
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

await t.test('a file is replaced whole, and nothing is left of one that could not be', async t => {
  const folder = await tempDir(t)
  await writeWhole(join(folder, 'a'), 'one', 0o600)
  await writeWhole(join(folder, 'a'), 'two', 0o644)
  t.equal(await readFile(join(folder, 'a'), 'utf8'), 'two')
  t.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o644)
  await t.rejects(writeWhole(folder, 'over a folder', 0o600))
  t.strictSame(await readdir(folder), ['a'])
  const file = join(folder, 'a')
  await t.rejects(ensurePasswords(join(file, 'passwords'), ['ann']), { code: 'DEVSTACK_FOLDER' })
})
