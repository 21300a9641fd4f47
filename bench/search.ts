// Search of an index of three nights, in segments of one visit of 10,000 alerts each: the ids of a visit, the rows of an object, a cone of
// 1 arcmin and the number of alerts of a night. Segments only and compacted, beside DuckDB in Python on the same files and SQLite with
// indexes. Everything is warm. Each median is that of `--repeats` queries, in milliseconds, and beside it is their mean CPU time.
import { readdir } from 'node:fs/promises'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { freePorts, pythonEnvironment } from '../src/devstack/index.ts'
import { bench, residentMiB, usage, type Bench, type Result, type Work } from './harness.ts'
import { indexOf } from './search-index.ts'
import { cacheDir, inFolder, program, run } from './support.ts'

const visit = 2026030100005n

/** Questions that all engines answer, with the number of answers for 1e6 rows. */
const questions = {
  visit: `visit=${visit}&columns=id&limit=10000`,
  object: 'diaObjectId=8000005',
  cone: 'ra=54&dec=-28&radius=0.016666666666666666&limit=10000',
  count: 'night=20260301&count=only'
}

function median (values: readonly number[]): number {
  return Number(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(1))
}

/** Asks every question `repeats` times, one after the other. */
async function askAll (repeats: number, ask: (name: keyof typeof questions) => unknown, pid?: number): Promise<Work> {
  const extra: Record<string, number> = {}
  const names = Object.keys(questions) as Array<keyof typeof questions>
  for (const name of names) {
    const times: number[] = []
    const before = usage(pid).cpuMs
    for (let n = 0; n < repeats; n++) {
      const start = performance.now()
      await ask(name)
      times.push(performance.now() - start)
    }
    extra[`${name} ms`] = median(times)
    extra[`${name} CPU-ms`] = Number(((usage(pid).cpuMs - before) / repeats).toFixed(1))
  }
  return { alerts: names.length * repeats, bytes: 0, extra }
}

async function filesIn (folder: string, name: RegExp): Promise<string[]> {
  const root = join(folder, 'index', 'v1')
  return (await readdir(root, { recursive: true })).filter(path => name.test(path)).map(path => join(root, path)).sort()
}

const segments = /^segments.*\.parquet$/

const box = 'dec BETWEEN -28.0166667 AND -27.9833333 AND ra BETWEEN 53.98 AND 54.02'

const sizes = { visits: { full: 100, quick: 6 }, repeats: { full: 15, quick: 3 } }
type SearchBench = Bench<typeof sizes>

async function server ({ sizes: { visits, repeats }, log, warmUp, measure }: SearchBench, compacted: boolean): Promise<Result> {
  return await inFolder(async temporary => {
    const index = await indexOf(visits, compacted, log)
    const [port = 0] = await freePorts(1)
    const child = fork(program, [
      'serve', '--listen-port', String(port), '--alert-store', pathToFileURL(temporary).href, '--index-store', pathToFileURL(index).href,
      '--index-cache-dir', join(temporary, 'cache'), '--max-event-loop-delay', '0', '--index-refresh-seconds', '3600'
    ], { silent: true })
    try {
      while (!String((await once(child.stdout!, 'data'))[0]).startsWith('serving')) { /* Wait until the server listens. */ }
      const ask = async (name: keyof typeof questions): Promise<string> => {
        const response = await fetch(`http://127.0.0.1:${port}/v1/alerts?${questions[name]}`)
        if (!response.ok) throw new Error(await response.text())
        return await response.text()
      }
      await warmUp(async () => { for (let n = 0; n < 3; n++) await askAll(1, ask) })
      for (const name of Object.keys(questions)) log(`${name}: ${(await ask(name as 'visit')).split('\n').length - 3} answers`)
      const result = await measure(() => askAll(repeats, ask, child.pid), { pid: child.pid! })
      return { ...result, extra: { ...result.extra, 'RSS MiB': residentMiB(child.pid!) } }
    } finally {
      child.kill()
      await once(child, 'exit')
    }
  })
}

async function inPython ({ sizes: { visits, repeats }, log }: SearchBench, compacted: boolean): Promise<Result> {
  const folder = await indexOf(visits, compacted, log)
  const interpreter = await pythonEnvironment({ cacheDir, env: process.env, requirements: ['duckdb==1.5.6'] })
  const byOrder = compacted ? [/by-object-.*\.parquet$/, /by-position-.*\.parquet$/] : [segments, segments]
  const files = JSON.stringify(await Promise.all(byOrder.map(name => filesIn(folder, name))))
  return JSON.parse(await run(interpreter, [join(import.meta.dirname, 'search_duckdb.py'), String(repeats), files])) as Result
}

await bench('search', sizes, {
  'alert-stream serve': async options => await server(options, false),
  'alert-stream serve, compacted': async options => await server(options, true),
  'DuckDB in Python': async options => await inPython(options, false),
  'DuckDB in Python, compacted': async options => await inPython(options, true),
  'SQLite with indexes': async ({ sizes, log, warmUp, measure }) => await inFolder(async temporary => {
    const folder = await indexOf(sizes.visits, false, log)
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const database = new DatabaseSync(join(temporary, 'index.sqlite'))
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE alerts (id INTEGER PRIMARY KEY, night INTEGER, ' +
      'visit INTEGER, diaObjectId INTEGER, ra REAL, dec REAL, psfFlux REAL, band TEXT)')
    const insert = database.prepare('INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    for (const path of await filesIn(folder, segments)) {
      database.exec('BEGIN')
      const rows = await connection.runAndReadAll(
        'SELECT id, night, visit, diaObjectId, ra, dec, psfFlux, band FROM read_parquet($1)', [path])
      for (const row of rows.getRows()) insert.run(...row as bigint[])
      database.exec('COMMIT')
    }
    database.exec('CREATE INDEX a ON alerts (visit); CREATE INDEX b ON alerts (diaObjectId); CREATE INDEX c ON alerts (night); ' +
      'CREATE INDEX d ON alerts (dec, ra)')
    const statements = {
      visit: database.prepare(`SELECT id FROM alerts WHERE visit = ${visit} ORDER BY id`),
      object: database.prepare('SELECT * FROM alerts WHERE diaObjectId = 8000005 ORDER BY id'),
      cone: database.prepare(`SELECT * FROM alerts WHERE ${box} ORDER BY id`),
      count: database.prepare('SELECT count(*) FROM alerts WHERE night = 20260301')
    }
    for (const each of Object.values(statements)) each.setReadBigInts(true)
    const ask = (name: keyof typeof questions): unknown => statements[name].all()
    await warmUp(() => askAll(2, ask))
    return await measure(() => askAll(sizes.repeats, ask))
  })
})
