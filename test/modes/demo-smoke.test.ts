// The command `npm run smoke`: output, exit code and cleanup.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runCli, tempDir } from '../support/stack.ts'
import { exists, launch, leftovers, readServers } from './demo-support.ts'

await t.test('does not empty a folder that was not created by a smoke test', async t => {
  const folder = join(await tempDir(t), 'mine')
  await mkdir(folder)
  await writeFile(join(folder, 'precious'), 'kept')
  const { code, stderr } = await runCli(['demo', '--smoke', '--state-dir', folder])
  t.equal(code, 1)
  t.match(stderr, /^DEMO_FOLDER: /m)
  t.equal(await readFile(join(folder, 'precious'), 'utf8'), 'kept')
  t.notOk(await exists(join(folder, 'demo.lock')))
})

for (const flags of [[], ['--secure']]) {
  await t.test(`npm run smoke ${flags.join(' ')} passes and leaves no process or folder behind`, async t => {
    const stateDir = join(await tempDir(t), 'smoke')
    const args = ['run', 'smoke', '--', '--alerts', '40', '--port', '0', '--state-dir', stateDir, ...flags]
    const smoke = launch(t, 'npm', args, stateDir)
    await smoke.waitFor(/^Archive /m)
    const servers = await readServers(stateDir)
    t.equal(servers.size, 5)
    t.equal(await smoke.finished, 0, smoke.stdout + smoke.stderr)
    t.equal(smoke.stdout.trimEnd().split('\n').at(-1), 'smoke: 40 published, 40 archived, 40 served, 0 differ')
    t.notOk(await exists(stateDir))
    t.strictSame(await leftovers(stateDir, servers), [])
  })
}
