import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { processFacts } from '../../src/devstack/process-identity.ts'
import { runTool } from '../../src/devstack/tools.ts'
import { tempDir } from '../support/stack.ts'

const env = process.env

await t.test('passes stdin to a program and collects its output', async t => {
  const script = 'cat; echo problem >&2; exit 3'
  t.same(await runTool('sh', ['-c', script], { env, input: 'read this' }), { code: 3, stdout: 'read this', stderr: 'problem\n' })
  t.same(await runTool('sh', ['-c', 'cat'], { env }), { code: 0, stdout: '', stderr: '' }, 'stdin is empty by default')
  t.equal((await runTool('true', [], { env, input: 'x'.repeat(1_000_000) })).code, 0, 'a program need not read its input')
  const none = await runTool('/no/such/program', [], { env })
  t.equal(none.code, undefined)
  t.match(none.stderr, /ENOENT/)
})

await t.test('aborting ends the program and its child processes, and waits for them', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  // The program cleans up on SIGTERM; its child would run for minutes.
  const script = 'trap "rm work; exit 7" TERM; touch work; sleep 300 & echo $! > child; wait; exit 8'
  const running = runTool('sh', ['-c', script], { env, cwd: folder, signal: stop.signal })
  const child = await readPid(join(folder, 'child'))
  const before = Date.now()
  stop.abort()
  const { code } = await running
  t.equal(code, 7)
  t.ok(Date.now() - before < 5_000, 'SIGTERM was enough')
  t.notOk(existsSync(join(folder, 'work')), 'the program has cleaned up')
  t.equal(await processFacts(child), undefined, 'the child has ended')
  t.same(await runTool('touch', ['late'], { env, cwd: folder, signal: stop.signal }), { code: undefined, stdout: '', stderr: 'stopped' })
  t.notOk(existsSync(join(folder, 'late')), 'nothing is started after the abort')
})

await t.test('kills a program that ignores SIGTERM, and its child processes', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  const script = 'trap "" INT TERM; sleep 300 & echo $! > child; while :; do wait; sleep 1; done'
  const running = runTool('sh', ['-c', script], { env, cwd: folder, signal: stop.signal })
  const child = await readPid(join(folder, 'child'))
  stop.abort()
  t.equal((await running).code, undefined)
  t.equal(await processFacts(child), undefined)
})

async function readPid (file: string): Promise<number> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) return Number(text)
    await sleep(20)
  }
}
