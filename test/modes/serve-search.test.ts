// The search of the mode serve in a child process, with an index in a folder.
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { idOf, writeSegment } from '../search/support.ts'
import { startCli, tempDir } from '../support/stack.ts'

const visit = '2026030100007'

async function serve (t: Test, args: readonly string[] = [], env: Record<string, string> = {}) {
  const root = await tempDir(t)
  const [archive, index, cache] = [join(root, 'archive'), join(root, 'index'), join(root, 'cache')]
  for (const folder of [archive, index]) await mkdir(folder)
  await writeFile(join(archive, 'keep'), '')
  await writeSegment(index, [{ id: idOf(7, 1) }, { id: idOf(7, 2) }])
  const running = startCli(t, [
    'serve', '--listen-port', '0', '--admin-port', '0', '--alert-store', pathToFileURL(archive).href,
    '--index-store', pathToFileURL(index).href, '--index-cache-dir', cache, '--index-refresh-seconds', '0',
    '--max-event-loop-delay', '0', ...args
  ], { env })
  const [, url] = await running.waitFor(/^serving (http:\S+)\n/m)
  const [, port] = await running.waitFor(/"port":(\d+)/)
  const metrics = async () => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const find = async (parameters: string) => {
    const response = await fetch(`${url}/alerts?${parameters}`)
    return { status: response.status, body: await response.json() as { readonly count?: number, readonly detail?: string } }
  }
  return { running, url, index, cache, metrics, find }
}

await t.test('finds alerts in the index, also in segments that were written later, and removes its cache at the end', async t => {
  const { running, index, cache, metrics, find } = await serve(t)
  t.match(await metrics(), /^alert_stream_search_segments 0$/m)
  t.strictSame(await find(`visit=${visit}&count=only`), { status: 200, body: { count: 2 } })
  await writeSegment(index, [{ id: idOf(7, 3) }])
  t.strictSame(await find(`visit=${visit}&count=only`), { status: 200, body: { count: 3 } })
  const text = await metrics()
  t.match(text, /^alert_stream_search_segments 2$/m)
  t.match(text, /^alert_stream_search_queries_total\{outcome="ok"\} 2$/m)
  t.match(text, /^alert_stream_search_cache_lookups_total\{result="miss"\} 2$/m)
  t.match(text, /^alert_stream_search_cache_bytes [1-9]/m)
  t.match(text, /^alert_stream_search_duration_seconds_count 2$/m)
  t.equal((await readdir(cache)).length, 1)
  t.match(await running.stop(), { code: 0 })
  t.strictSame(await readdir(cache), [])
})

await t.test('answers with 503 while the index store is missing, and recovers', async t => {
  const { index, find } = await serve(t)
  await rename(index, `${index}.away`)
  t.match(await find('count=only'), { status: 503, body: { detail: /STORE_MISSING/ } })
  await rename(`${index}.away`, index)
  t.match(await find('count=only'), { status: 200, body: { count: 2 } })
})

await t.test('answers with 501 if DuckDB is not installed, and serves everything else', async t => {
  const hook = 'import { registerHooks } from "node:module"; registerHooks({ resolve (name, context, next) { ' +
    'if (name === "@duckdb/node-api") throw Object.assign(new Error("not installed"), { code: "ERR_MODULE_NOT_FOUND" }); ' +
    'return next(name, context) } })'
  const { running, url, find } = await serve(t, [], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` })
  for (let n = 0; n < 2; n++) t.match(await find('night=20260301'), { status: 501, body: { detail: /SEARCH_UNAVAILABLE/ } })
  await running.waitFor(/"error":"SEARCH_UNAVAILABLE: DuckDB cannot be loaded: not installed. Install the npm package @duckdb\/node-api/)
  t.match(await find(`visit=${visit}&count=only`), { status: 200, body: { count: 0 } })
  t.equal(await (await fetch(`${url}/health`)).text(), 'OK')
})

await t.test('limits pages, cones, batches, and the time of a query', async t => {
  const { url, find } = await serve(t, ['--search-page-size', '5', '--search-radius', '0.1', '--max-batch-ids', '2'])
  t.match(await find('limit=6'), { status: 400, body: { detail: /limit must be <= 5/ } })
  t.match(await find('ra=1&dec=1&radius=0.2'), { status: 400, body: { detail: /radius must be <= 0.1/ } })
  const body = JSON.stringify({ ids: ['1', '2', '3'] })
  const response = await fetch(`${url}/alerts/batch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  t.equal(response.status, 400)
})

await t.test('queries leave threads of the pool to file reads', { skip: process.platform !== 'linux' }, async t => {
  const { running } = await serve(t)
  // The threads of DuckDB, which the first query starts, would have the same name.
  const names = await Promise.all((await readdir(`/proc/${running.pid}/task`)).map(async id =>
    (await readFile(`/proc/${running.pid}/task/${id}/comm`, 'utf8')).trim()))
  t.equal(names.filter(name => name === 'libuv-worker').length, 16)
})
