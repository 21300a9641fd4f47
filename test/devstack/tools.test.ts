import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { runTool } from '../../src/devstack/index.ts'
import { tempDir } from '../support/stack.ts'

const env = process.env

await t.test('a program gets what it is to read, and what it prints comes back', async t => {
  t.same(await runTool('sh', ['-c', 'cat; echo ill >&2; exit 3'], { env, input: 'read this' }), { code: 3, stdout: 'read this', stderr: 'ill\n' })
  t.same(await runTool('sh', ['-c', 'cat'], { env }), { code: 0, stdout: '', stderr: '' }, 'nothing, where there is nothing to read')
  t.equal((await runTool('true', [], { env, input: 'x'.repeat(1_000_000) })).code, 0, 'one that does not read is no failure')
  const none = await runTool('/no/such/program', [], { env })
  t.equal(none.code, undefined)
  t.match(none.stderr, /ENOENT/)
})

await t.test('a stop reaches the program and what it has started, and is waited for', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  // The program cleans up; what it has started would run on for long.
  const script = 'trap "rm work; exit 7" TERM; touch work; sleep 300 & echo $! > child; wait; exit 8'
  const running = runTool('sh', ['-c', script], { env, cwd: folder, signal: stop.signal })
  const child = await appeared(join(folder, 'child'))
  const before = Date.now()
  stop.abort()
  const { code } = await running
  t.equal(code, 7)
  t.ok(Date.now() - before < 5_000, 'without being killed')
  t.notOk(existsSync(join(folder, 'work')), 'it has cleaned up')
  t.notOk(await lives(child), 'what it has started is gone')
  t.same(await runTool('touch', ['late'], { env, cwd: folder, signal: stop.signal }), { code: undefined, stdout: '', stderr: 'stopped' })
  t.notOk(existsSync(join(folder, 'late')), 'nothing is started after a stop')
})

await t.test('what does not go is killed, with what it has started', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  const running = runTool('sh', ['-c', 'trap "" INT TERM; sleep 300 & echo $! > child; while :; do wait; sleep 1; done'], { env, cwd: folder, signal: stop.signal })
  const child = await appeared(join(folder, 'child'))
  stop.abort()
  t.equal((await running).code, undefined)
  t.notOk(await lives(child))
})

async function appeared (file: string): Promise<number> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) return Number(text)
    await sleep(20)
  }
}

/** A zombie, which only its parent could bury, lives no more. */
async function lives (pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) Z /.test(stat)
}
