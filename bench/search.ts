// Search of an index of three nights, in segments of one visit of 10,000 alerts each: the ids of a visit, the rows of an object, a cone of
// 1 arcmin and the number of alerts of a night, beside DuckDB in Python on the same segments and SQLite with indexes. Everything is warm.
// The segments are made once and kept in the cache folder. Each median is that of `--repeats` queries, in milliseconds,
// and beside it is their mean CPU time.
import { access, mkdir, mkdtemp, readdir, rename } from 'node:fs/promises'
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { freePorts, pythonEnvironment } from '../src/devstack/index.ts'
import { encodeId } from '../src/ids/packed-id.ts'
import { bench, usage, type Result, type Work } from './harness.ts'
import { cacheDir, inFolder, run } from './support.ts'

const nights = ['20260301', '20260302', '20260303'] as const
const perVisit = 10_000
const visit = 2026030100005n
const program = join(import.meta.dirname, '..', 'bin', 'alert-stream.js')

/** Questions that all engines answer, with the number of answers for 1e6 rows. */
const questions = {
  visit: `visit=${visit}&columns=id&limit=10000`,
  object: 'diaObjectId=8000005',
  cone: 'ra=54&dec=-28&radius=0.016666666666666666&limit=10000',
  count: 'night=20260301&count=only'
}

/** Folder of an index store with `visits` visits. */
async function indexOf (visits: number, log: (line: string) => void): Promise<string> {
  const folder = join(cacheDir, `bench-search-1-${visits}`)
  if (await access(folder).then(() => true, () => false)) return folder
  log('writing the segments')
  await mkdir(cacheDir, { recursive: true })
  const temporary = await mkdtemp(`${folder}-`)
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  for (let n = 0; n < visits; n++) {
    const night = nights[Math.floor(n * nights.length / visits)]!
    const sequence = n % Math.ceil(visits / nights.length)
    const first = encodeId({ tag: 2, night, sequence, detector: 0, counter: 0 })
    const name = `${1_772_323_200_000 + 37_000 * n}-${createHash('sha256').update(String(n)).digest('hex').slice(0, 16)}.parquet`
    const path = join(temporary, 'index', 'v1', 'segments', night, name)
    await mkdir(dirname(path), { recursive: true })
    const unit = (salt: number): string => `(hash(i, ${n}, ${salt}) % 1000000007) / 1000000007.0`
    // 200 detectors with 50 alerts each. An object is seen in every fifth visit.
    await connection.run(`COPY (SELECT ${first} + ((i // 50)::BIGINT << 19) + i % 50 AS id, ${night}::INTEGER AS night,
      ${BigInt(night) * 100_000n + BigInt(sequence)} AS visit, (i // 50)::INTEGER AS detector,
      (8000000 + i + ${n % 5 * perVisit})::BIGINT AS "diaObjectId", NULL::BIGINT AS "ssObjectId",
      61100.5 + ${n} / 2000.0 AS "midpointMjdTai", ${sequence} * 10.5 + 3.5 * ${unit(1)} AS ra, -30 + 3.5 * ${unit(2)} AS dec,
      (hash(i, ${n}) >> 2)::BIGINT AS healpix29, 'r' AS band, (1000 * ${unit(3)})::FLOAT AS "psfFlux", 5::FLOAT AS "psfFluxErr",
      (100 * ${unit(4)})::FLOAT AS snr, (${unit(5)})::FLOAT AS reliability, 1101::BIGINT AS "schemaId", 80000::INTEGER AS "frameBytes",
      from_hex(sha256((i * 1000 + ${n})::VARCHAR)) AS sha256, 'alerts-simulated' AS topic, from_hex('00010203') AS "topicId",
      (i % 8)::INTEGER AS "partition", (${n * 1250} + i // 8)::BIGINT AS "offset", (1772323200000 + ${37_000 * n} + i)::BIGINT AS timestamp,
      NULL::BLOB AS key FROM range(${perVisit}) t(i)) TO '${path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${perVisit})`)
  }
  connection.closeSync()
  await rename(temporary, folder)
  return folder
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

async function segmentsIn (folder: string): Promise<string[]> {
  const root = join(folder, 'index', 'v1', 'segments')
  return (await readdir(root, { recursive: true })).filter(name => name.endsWith('.parquet')).map(name => join(root, name)).sort()
}

const box = 'dec BETWEEN -28.0166667 AND -27.9833333 AND ra BETWEEN 53.98 AND 54.02'

await bench('search', { visits: { full: 100, quick: 6 }, repeats: { full: 15, quick: 3 } }, {
  'alert-stream serve': async ({ sizes, log, warmUp, measure }) => await inFolder(async temporary => {
    const index = await indexOf(sizes.visits, log)
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
      return await measure(() => askAll(sizes.repeats, ask, child.pid), { pid: child.pid! })
    } finally {
      child.kill()
      await once(child, 'exit')
    }
  }),
  'DuckDB in Python': async ({ sizes, log }) => {
    const folder = await indexOf(sizes.visits, log)
    const interpreter = await pythonEnvironment({ cacheDir, env: process.env, requirements: ['duckdb==1.5.6'] })
    const script = join(import.meta.dirname, 'search_duckdb.py')
    return JSON.parse(await run(interpreter, [script, String(sizes.repeats), ...await segmentsIn(folder)])) as Result
  },
  'SQLite with indexes': async ({ sizes, log, warmUp, measure }) => await inFolder(async temporary => {
    const folder = await indexOf(sizes.visits, log)
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const database = new DatabaseSync(join(temporary, 'index.sqlite'))
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE alerts (id INTEGER PRIMARY KEY, night INTEGER, ' +
      'visit INTEGER, diaObjectId INTEGER, ra REAL, dec REAL, psfFlux REAL, band TEXT)')
    const insert = database.prepare('INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    for (const path of await segmentsIn(folder)) {
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
