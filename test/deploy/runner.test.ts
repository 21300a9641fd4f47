import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fault, ToolMissing, none, type Check, type Context, type Group } from '../../deploy/checks/check.ts'
import { Runner, type Counts } from '../../deploy/checks/runner.ts'
import { tempDir } from '../support/stack.ts'

const passing: Check = { title: 'it is so', run: async () => { await Promise.resolve() } }
const group = (checks: Group['checks'], more: Partial<Group> = {}): Group => ({
  name: 'one',
  about: 'a group',
  tools: [],
  checks,
  ...more
})

interface Ran { readonly counts: Readonly<Counts>, readonly lines: readonly string[] }

/** Runs groups in an empty repository. */
async function run (
  t: Test,
  groups: readonly Group[],
  more: {
    readonly env?: NodeJS.ProcessEnv
    readonly stop?: AbortController
    readonly tool?: () => Promise<string>
  } = {}
): Promise<Ran> {
  const root = await tempDir(t)
  const lines: string[] = []
  const runner = new Runner({
    root,
    crds: undefined,
    env: more.env ?? {},
    cacheDir: join(root, 'cache'),
    signal: (more.stop ?? new AbortController()).signal,
    write: line => { lines.push(line) },
    progress: () => {},
    tools: { tool: more.tool ?? (async () => await Promise.resolve('/bin/sh')) }
  })
  return { counts: await runner.run(groups), lines }
}

await t.test('prints and counts each check, and prints the tool\'s output below a fault', async t => {
  const { counts, lines } = await run(t, [group(async () => await Promise.resolve([
    passing,
      {
        title: 'it is not so',
        run: async () =>
          await Promise.reject(new Fault('it is otherwise', 'the tool says why\n'))
      },
    { title: 'nothing is wrong', run: async () => { await Promise.resolve(none(['this', 'that'])) } },
    { title: 'nobody can tell', run: async () => await Promise.resolve('it is elsewhere') }
  ]))])
  t.same(counts, { passed: 1, failed: 2, skipped: 1 })
  t.same(lines, [
    '# one: a group', 'ok - it is so',
    'not ok - it is not so', '    it is otherwise', '    the tool says why',
    'not ok - nothing is wrong', '    problems: 2', '    this', '    that',
    'skip - nobody can tell: it is elsewhere'
  ])
})

await t.test('a group fails if it has no checks or cannot list them', async t => {
  const empty = await run(t, [group(async () => await Promise.resolve([]))])
  t.same(empty.lines.slice(1), ['not ok - one: tools and checks are available', '    the group has no checks'])
  const { counts, lines } = await run(t, [group(async () => await Promise.reject(new Error('no such folder')))])
  t.equal(counts.failed, 1)
  t.ok(lines.some(line => line.includes('no such folder')))
})

await t.test('a missing tool skips its group, or fails it in CI; a wrong checksum always fails', async t => {
  const checks = async (): Promise<Check[]> => await Promise.resolve([passing])
  const missing = async (): Promise<string> => await Promise.reject(new ToolMissing('helm is missing'))
  const here = await run(t, [group(checks, { tools: ['helm'] })], { tool: missing })
  t.same(here.counts, { passed: 0, failed: 0, skipped: 1 })
  t.ok(here.lines.some(line => line.endsWith(': helm is missing')))
  const ci = await run(t, [group(checks, { tools: ['helm'] })], { tool: missing, env: { CI: 'true' } })
  t.same(ci.counts, { passed: 0, failed: 1, skipped: 0 })
  const wrong = await run(t, [group(checks, { tools: ['helm'] })], {
    tool: async () => await Promise.reject(new Error('another checksum'))
  })
  t.same(wrong.counts, { passed: 0, failed: 1, skipped: 0 })
})

await t.test('runs checks one at a time or with the concurrency of the group', async t => {
  for (const parallel of [1, 2]) {
    let [now, most] = [0, 0]
    const slow = (title: string): Check => ({
      title,
      run: async () => {
        most = Math.max(most, ++now)
        await new Promise(resolve => setTimeout(resolve, 20))
        now--
      }
    })
    const { counts } = await run(t, [group(async () => await Promise.resolve([slow('first'), slow('second'), slow('third')]),
      { parallel })])
    t.equal(most, parallel)
    t.equal(counts.passed, 3)
  }
})

await t.test('a failed program is a fault with its complete output', async t => {
  const { lines } = await run(t, [group(async ({ must, run: ask }: Context) => await Promise.resolve([
    { title: 'must', run: async () => { await must('/bin/sh', ['-c', 'echo out; echo err >&2; exit 3']) } },
    { title: 'run', run: async () => { if ((await ask('/bin/sh', ['-c', 'exit 3'])).code !== 3) throw new Fault('another code') } }
  ]))])
  t.same(lines.slice(1), ['not ok - must', '    sh -c echo out; echo err >&2; exit 3: exit code 3', '    out', '    err', 'ok - run'])
})

await t.test('removes temporary files of programs at the end of the run', async t => {
  let left = ''
  const { counts } = await run(t, [group(async ({ must }: Context) => await Promise.resolve([
    { title: 'it leaves a file', run: async () => { left = (await must('mktemp', [])).trim() } },
    { title: 'which is there', run: async () => { await must('test', ['-f', left]) } }
  ]))], { env: { PATH: process.env.PATH } })
  t.equal(counts.failed, 0)
  t.notOk(existsSync(left))
})

await t.test('a stop ends the running check, cleans up, starts no other check and counts as a failure', async t => {
  const stop = new AbortController()
  const order: string[] = []
  let scratch = ''
  const stopped = group(async context => {
    scratch = context.scratch
    context.defer(async () => { await Promise.resolve(order.push('first')) })
    context.defer(async () => { await Promise.resolve(order.push('last')) })
    return await Promise.resolve([
      {
        title: 'it takes long',
        run: async () => {
          setTimeout(() => { stop.abort() }, 200)
          await context.must('sleep', ['300'])
        }
      },
      { title: 'never begun', run: async () => { await Promise.resolve(order.push('begun')) } }
    ])
  })
  const { counts, lines } = await run(t, [stopped, group(async () => await Promise.resolve([passing]), { name: 'two' })], {
    stop,
    env: { PATH: process.env.PATH }
  })
  t.same(counts, { passed: 0, failed: 1, skipped: 0 })
  t.same(lines.slice(1), ['not ok - the run was stopped', '    stopped before the end'])
  t.same(order, ['last', 'first'])
  t.notOk(existsSync(scratch))
})

await t.test('a failed clean-up counts as a failure, and the other clean-ups still run', async t => {
  let done = false
  const { counts, lines } = await run(t, [group(async context => {
    context.defer(async () => { await Promise.resolve(done = true) })
    context.defer(async () => await Promise.reject(new Fault('it does not stop')))
    await writeFile(join(context.scratch, 'file'), '')
    t.same(await readdir(context.scratch), ['file'])
    return [passing]
  })])
  t.same(counts, { passed: 1, failed: 1, skipped: 0 })
  t.ok(lines.includes('not ok - one cleans up'))
  t.ok(done)
})
