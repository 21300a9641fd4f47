import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { processFacts } from '../../src/devstack/process-identity.ts'
import { runTool } from '../../src/devstack/tools.ts'
import { waitUntil } from '../../src/devstack/wait-until.ts'
import { tempDir } from '../support/stack.ts'

const env = process.env

await t.test('passes stdin to a program and collects its output', async t => {
  const script = 'cat; echo problem >&2; exit 3'
  t.same(await runTool('sh', ['-c', script], { env, input: 'read this' }), { code: 3, stdout: 'read this', stderr: 'problem\n' })
  t.same(await runTool('sh', ['-c', 'cat'], { env }), { code: 0, stdout: '', stderr: '' }, 'stdin is empty by default')
  t.equal((await runTool('true', [], { env, input: 'x'.repeat(1_000_000) })).code, 0, 'a program that does not read its input succeeds')
  const none = await runTool('/no/such/program', [], { env })
  t.equal(none.code, undefined)
  t.match(none.stderr, /ENOENT/)
})

await t.test('aborting ends the program and its child processes, and waits for their exit', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  // The program cleans up on SIGTERM. Without the abort, its child process would run for 300 s. The child process writes its own id,
  // so that it has the default handlers: a SIGTERM between fork and exec would run into the trap of the parent and be lost.
  const script = `trap "rm work; exit 7" TERM; touch work; sh -c 'echo $$ > child; exec sleep 300' & wait; exit 8`
  const running = runTool('sh', ['-c', script], { env, cwd: folder, signal: stop.signal })
  const child = await readPid(join(folder, 'child'))
  const before = Date.now()
  stop.abort()
  const { code } = await running
  t.equal(code, 7)
  t.ok(Date.now() - before < 5_000, 'SIGTERM was enough')
  t.notOk(existsSync(join(folder, 'work')), 'the program cleaned up after SIGTERM')
  t.ok(await ended(child), 'the child process has ended')
  t.same(await runTool('touch', ['late'], { env, cwd: folder, signal: stop.signal }), { code: undefined, stdout: '', stderr: 'stopped' })
  t.notOk(existsSync(join(folder, 'late')), 'no program is started after the abort')
})

await t.test('aborting kills a program that ignores SIGTERM, and its child processes', async t => {
  const folder = await tempDir(t)
  const stop = new AbortController()
  const script = 'trap "" INT TERM; sleep 300 & echo $! > child; while :; do wait; sleep 1; done'
  const running = runTool('sh', ['-c', script], { env, cwd: folder, signal: stop.signal })
  const child = await readPid(join(folder, 'child'))
  stop.abort()
  t.equal((await running).code, undefined)
  t.ok(await ended(child), 'the child process has ended')
})

/** Waits for the end of a process, because a killed process takes a moment to end. */
async function ended (pid: number): Promise<boolean> {
  return await waitUntil(async () => await processFacts(pid) === undefined, 5_000, 20)
}

async function readPid (file: string): Promise<number> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) return Number(text)
    await sleep(20)
  }
}
