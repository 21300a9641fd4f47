// Archives that Rubin's programs wrote are read, listed and continued, and Rubin's programs read the archives that ingest writes. Rubin's
// side is upstream_archive.py.
import { spawnSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { createRegistryClient, parseSchema } from '../../src/avro/index.ts'
import { decodeId, encodeId } from '../../src/ids/packed-id.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { runCli, startCli, tempDir, uniqueName, useGcs, usePython, useS3, useStack } from '../support/stack.ts'
import { linesOf } from './support.ts'

const { kafka, registry } = await useStack(t)
const gcs = await useGcs(t)
const s3 = await useS3(t)
const python = await usePython(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

const night = '20260224'
const name = `alert_${uniqueName('t').replaceAll('-', '_')}`
const source = {
  type: 'record', name: `${name}_source`,
  fields: [{ name: 'diaSourceId', type: 'long' }, { name: 'visit', type: 'long' }, { name: 'x', type: 'bytes' }]
}
const client = createRegistryClient({ url: registry })
const { id: schemaId } = await client.register(name, JSON.stringify({
  type: 'record', name, fields: [{ name: 'diaSourceId', type: 'long' }, { name: 'diaSource', type: source }]
}))
const text = await client.schemaById(schemaId)
const schema = parseSchema(text)

// Two visits of three detectors, prompt and reprocessed alerts.
const frames = new Map(Array.from({ length: 48 }, (_, n) => {
  const parts = { tag: n % 8 === 0 ? 4 : 2, night, sequence: 1010 + n % 2, detector: n % 3, counter: n }
  const id = encodeId(parts)
  const diaSource = { diaSourceId: id, visit: decodeId(id)!.visit, x: Buffer.alloc(500, String(n)) }
  return [String(id), schema.encodeFramed(schemaId, { diaSourceId: id, diaSource })]
}))
const ids = [...frames.keys()]
const records = ids.map((id, n): OutgoingRecord => ({ key: Buffer.from(id), value: frames.get(id)!, headers: [], partition: n % 2 }))
const ofVisit = (sequence: number) => ids.filter(id => decodeId(BigInt(id))!.sequence === sequence).sort()

const topic = uniqueName('upstream')
await admin.createTopic(topic, { partitions: 2, replicas: 1 })
await produce(connection, topic, records)

interface Store { readonly url: string, /** The store for the Python program. */ readonly place: string }
const stores: Readonly<Record<string, (t: Test) => Promise<Store>>> = {
  file: async t => {
    const root = join(await tempDir(t), 'store')
    return { url: pathToFileURL(root).href, place: root }
  },
  gs: async () => {
    const bucket = await gcs.bucket()
    return { url: `gs://${bucket}`, place: `${gcs.url}/${bucket}` }
  },
  s3: async () => {
    const bucket = await s3.bucket()
    return { url: `s3://${bucket}`, place: `${s3.url}/${bucket}` }
  }
}
const env = { STORAGE_EMULATOR_HOST: gcs.url, ...s3.env, ALERT_STREAM_S3_ENDPOINT_URL: s3.url }

function upstream (request: object): Record<string, { frame: string, id: string, visit: string } | null> {
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, 'upstream_archive.py')], {
    input: JSON.stringify(request), encoding: 'utf8', maxBuffer: 1e8
  })
  if (status !== 0) throw new Error(stderr)
  return stdout === '' ? {} : JSON.parse(stdout) as ReturnType<typeof upstream>
}

async function ingest (url: string, layout: string): Promise<string> {
  const { code, stdout, stderr } = await runCli([
    'ingest', '--broker', kafka, '--schema-registry-url', registry, '--topic', topic, '--group', uniqueName('g'),
    '--dead-letter-topic', uniqueName('dead'), '--alert-store', url, '--layout', layout, '--limit', String(ids.length)
  ], { env })
  t.equal(code, 0, stderr)
  return stdout.trim()
}

async function list (url: string, ...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runCli(['list', '--alert-store', url, ...args], { env })
  t.equal(code, 0, stderr)
  return linesOf(stdout)
}

for (const [kind, open] of Object.entries(stores)) {
  for (const [layout, rule] of [['v1', '2021'], ['v2', '2026']] as const) {
    await t.test(`${kind}: the server of ${rule} reads an archive that ingest wrote in layout ${layout}`, async t => {
      const { url, place } = await open(t)
      t.equal(await ingest(url, layout), `archived ${ids.length} alerts: ${ids.length} written, 0 already archived, 0 dead letters`)
      const alerts = { ...Object.fromEntries(ids.map(id => [id, null])), 7: null }
      const found = upstream({ command: 'read', kind, store: place, rule, alerts })
      t.equal(found['7'], null)
      for (const id of ids) {
        const visit = String(decodeId(BigInt(id))!.visit)
        t.strictSame(found[id], { frame: frames.get(id)!.toString('hex'), id, visit })
      }
    })
  }

  await t.test(`${kind}: layout v3 keeps one detector of one visit in a folder, and list finds the ids of the topic`, async t => {
    const { url, place } = await open(t)
    await ingest(url, 'v3')
    for (const sequence of [1010, 1011]) t.strictSame((await list(url, '--visit', `${night}0${sequence}`)).sort(), ofVisit(sequence))
    const keys = (await list(url, '--json')).flatMap(line => (JSON.parse(line) as { keys: string[] }).keys)
    t.equal(keys.length, ids.length)
    const visitsOf = new Map<string, Set<string>>()
    for (const key of keys) {
      const [, folder = '', id = ''] = /^(.*\/)(\d+)\.avro\.gz$/.exec(key) ?? []
      const { visit, detector } = decodeId(BigInt(id))!
      visitsOf.set(folder, (visitsOf.get(folder) ?? new Set()).add(`${visit} ${detector}`))
    }
    t.equal(visitsOf.size, 6)
    for (const [folder, visits] of visitsOf) t.equal(visits.size, 1, folder)
    if (kind === 'file') t.strictSame((await readdir(join(place, 'v3/alerts', night))).sort(), ['01010', '01011'])
  })

  await t.test(`${kind}: an archive that Rubin's programs wrote at all times is served, listed and continued`, async t => {
    const { url, place } = await open(t)
    const times = [['2021', true], ['2025', false], ['2025', true], ['2026', false], ['2026', true]] as const
    const last = times.length
    for (const [n, [rule, compressed]] of times.entries()) {
      // One alert in six is not in the archive yet.
      const alerts = Object.fromEntries(ids.filter((_, index) => index % (last + 1) === n).map(id => [id, frames.get(id)!.toString('hex')]))
      upstream({ command: 'write', kind, store: place, rule, gzip: compressed, schema: { id: schemaId, text }, alerts })
    }
    const old = ids.filter((_, index) => index % (last + 1) < last)
    t.strictSame((await list(url, '--night', night)).sort(), old.toSorted())
    const served = startCli(t, ['serve', '--listen-port', '0', '--alert-store', url], { env })
    const [, api] = await served.waitFor(/^serving (http:\S+)\n/m)
    for (const id of old) {
      for (const coding of ['identity', 'gzip']) {
        const response = await fetch(`${api}/alerts/LSST-AP-DS-${id}`, { headers: { 'accept-encoding': coding } })
        t.ok(Buffer.from(await response.arrayBuffer()).equals(frames.get(id)!), `${response.status} ${id} ${coding}`)
      }
    }
    t.equal(await (await fetch(`${api}/schemas/${schemaId}`)).text(), text)
    t.equal((await fetch(`${api}/alerts/LSST-AP-DS-x`)).status, 400)
    const count = `${ids.length - old.length} written, ${old.length} already archived, 0 dead letters`
    t.equal(await ingest(url, 'v2'), `archived ${ids.length} alerts: ${count}`, 'no alert is stored twice')
    const lines = (await list(url, '--json')).map(line => JSON.parse(line) as { id: string, keys: string[] })
    t.strictSame(lines.map(({ id }) => id), ids.toSorted())
    // A folder has the keys of v1 with and without a leading slash.
    t.ok(lines.every(({ keys }) => new Set(keys.map(key => key.replace(/^\//, ''))).size === 1), 'each alert has one object')
    const found = upstream({ command: 'read', kind, store: place, rule: '2026', alerts: Object.fromEntries(ids.map(id => [id, null])) })
    const inV2 = ids.filter((_, index) => index % (last + 1) >= 3)
    for (const id of inV2) t.equal(found[id]?.frame, frames.get(id)!.toString('hex'))
  })
}
