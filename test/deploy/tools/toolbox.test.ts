import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ToolMissing } from '../../../deploy/checks/check.ts'
import type { Recipe } from '../../../deploy/checks/tools/recipe.ts'
import { Toolbox } from '../../../deploy/checks/tools/toolbox.ts'
import { expectDigest, sha256 } from '../../../src/devstack/digests.ts'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { tempDir } from '../../support/stack.ts'

/** A tool whose download is the shell's: each try runs the next script. */
function made (scripts: readonly string[], more: Partial<Recipe> = {}): Recipe & { readonly tries: () => number } {
  let tries = 0
  return {
    title: 'a tool 1.0',
    pins: ['1.0'],
    path: 'bin/tool',
    fetcher: { name: 'the shell', find: async () => await Promise.resolve('/bin/sh') },
    fetch: async (into, run) => { await run(['-c', scripts[Math.min(tries++, scripts.length - 1)] ?? ''], into) },
    ...more,
    tries: () => tries
  }
}

const GOOD = 'mkdir bin; echo "#!/bin/sh" > bin/tool'
const BAD = 'mkdir bin; echo "ERROR: 503 try later" >&2; exit 1'

interface Bench { readonly toolbox: Toolbox<string>, readonly cacheDir: string, readonly said: string[], readonly stop: AbortController }

async function bench (t: Test, recipes: Readonly<Record<string, Recipe>>, pausesMs: readonly number[] = [0, 0]): Promise<Bench> {
  const cacheDir = await tempDir(t)
  const said: string[] = []
  const stop = new AbortController()
  const toolbox = new Toolbox(recipes, { cacheDir, env: process.env, signal: stop.signal, pausesMs, progress: line => { said.push(line) } })
  return { toolbox, cacheDir, said, stop }
}

await t.test('retries a failed download in an empty folder', async t => {
  const recipe = made([BAD, BAD, GOOD])
  const { toolbox, said } = await bench(t, { tool: recipe })
  t.match(await toolbox.tool('tool'), /\/tools\/tool-[0-9a-f]{12}\/bin\/tool$/)
  t.equal(recipe.tries(), 3)
  t.equal(said.filter(line => /again in 0 s, as .*503 try later/.test(line)).length, 2, 'and says so')
})

await t.test('a download that keeps failing makes the tool missing and leaves no files', async t => {
  const recipe = made([BAD])
  const { toolbox, cacheDir } = await bench(t, { tool: recipe })
  await t.rejects(toolbox.tool('tool'), ToolMissing)
  await t.rejects(toolbox.tool('tool'), /a tool 1\.0 is missing:.*503 try later/s, 'once is enough for a run')
  t.equal(recipe.tries(), 3)
  t.same(await readdir(join(cacheDir, 'tools')), [])
})

await t.test('a wrong checksum is an error and is not retried', async t => {
  const recipe = made([GOOD])
  const wrong: Recipe = { ...recipe, fetch: async (into, run, kitchen) => {
    await recipe.fetch(into, run, kitchen)
    expectDigest('tool', await sha256(join(into, 'bin/tool')), '00')
  } }
  const { toolbox, cacheDir } = await bench(t, { tool: wrong })
  await t.rejects(toolbox.tool('tool'), { code: 'DEVSTACK_CHECKSUM' })
  t.equal(recipe.tries(), 1)
  t.same(await readdir(join(cacheDir, 'tools')), [])
})

await t.test('a missing prerequisite is not retried', async t => {
  const recipe = made([GOOD], {
    fetcher: { name: 'nobody', find: async () => await Promise.reject(devstackErrors.DEVSTACK_PREREQUISITE('there is no shell')) }
  })
  const { toolbox, said } = await bench(t, { tool: recipe })
  await t.rejects(toolbox.tool('tool'), /there is no shell/)
  t.equal(recipe.tries(), 0)
  t.same(said.filter(line => line.includes('again')), [])
})

await t.test('a stop ends a download and the pause before a retry', async t => {
  const recipe = made(['touch started; sleep 300'])
  const { toolbox, cacheDir, stop } = await bench(t, { tool: recipe })
  const refused = t.rejects(toolbox.tool('tool'))
  while (!(await readdir(cacheDir, { recursive: true })).some(name => name.endsWith('/started')))
    await new Promise(resolve => setTimeout(resolve, 20))
  stop.abort()
  await refused
  t.equal(recipe.tries(), 1)
  t.same(await readdir(join(cacheDir, 'tools')), [], 'nothing stays, not even the lock')

  const waiting = made([BAD])
  const other = await bench(t, { tool: waiting }, [300_000])
  const ended = t.rejects(other.toolbox.tool('tool'), { name: 'AbortError' })
  while (!other.said.some(line => line.includes('again in 300 s'))) await new Promise(resolve => setTimeout(resolve, 20))
  other.stop.abort()
  await ended
})

await t.test('each pin has its own folder, and dependencies of a tool are built before it, only if needed', async t => {
  const needed = made([GOOD], { title: 'a maker' })
  const recipe = made([], { needs: ['maker'], fetch: async (into, run, { path }) => {
    await run(['-c', GOOD], into)
    await writeFile(join(into, 'by'), path('maker'))
  } })
  const { toolbox, cacheDir } = await bench(t, { tool: recipe, maker: needed })
  const first = await toolbox.tool('tool')
  t.equal(needed.tries(), 1)

  const unused = made([BAD], { title: 'a maker' })
  const options = { cacheDir, env: process.env, signal: new AbortController().signal }
  t.equal(await new Toolbox({ tool: recipe, maker: unused }, options).tool('tool'), first, 'the cache has it')
  t.equal(unused.tries(), 0)
  t.not(await new Toolbox({ tool: { ...recipe, pins: ['1.1'] }, maker: needed }, options).tool('tool'), first)
})

await t.test('uses a tool that is installed instead of downloading it', async t => {
  const recipe = made([BAD], { installed: async () => await Promise.resolve('/usr/bin/tool') })
  const { toolbox } = await bench(t, { tool: recipe })
  t.equal(await toolbox.tool('tool'), '/usr/bin/tool')
  t.equal(recipe.tries(), 0)
})
