// list --visit on a visit of all 189 detectors that overlaps other visits, archived by ingest in each store and layout. The topic and the
// folders are judged by visit_judge.py. With --rounds=2 or more, the visit has 10,000 alerts.
import { join } from 'node:path'
import t from 'tap'
import { createRegistryClient, parseSchema } from '../../src/avro/index.ts'
import { runTool } from '../../src/devstack/tools.ts'
import { encodeId } from '../../src/ids/packed-id.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { seeded } from '../support/pipeline.ts'
import { rounds } from '../support/rounds.ts'
import { runCli, tempDir, uniqueName, useGcs, usePython, useS3, useStack } from '../support/stack.ts'
import { storeUrl } from './archive-support.ts'
import { linesOf } from './support.ts'

const { kafka, registry } = await useStack(t)
const gcs = await useGcs(t)
const s3 = await useS3(t)
const python = await usePython(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

const DETECTORS = 189
const PARTITIONS = 6
const alertsInVisit = rounds > 1 ? 10_000 : 2 * DETECTORS
const visit = '2026022401010'
// The visits before and after it in the night, and the visits with its sequence number in the nights before and after.
const neighbours = ['2026022401009', '2026022401011', '2026022301010', '2026022501010']

const text = '{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"}]}'
const schema = parseSchema(text)
const { id: schemaId } = await createRegistryClient({ url: registry }).register(uniqueName('alert-packet'), text)

function recordsOf (visit: string, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, n) => {
    const [night, sequence] = [visit.slice(0, 8), Number(visit.slice(8))]
    // One alert in ten is reprocessed.
    const diaSourceId = encodeId({ tag: n % 10 === 9 ? 4 : 2, night, sequence, detector: n % DETECTORS, counter: n })
    return { key: null, value: schema.encodeFramed(schemaId, { diaSourceId }), headers: [], partition: n % PARTITIONS }
  })
}

const random = seeded(1)
const records = [...recordsOf(visit, alertsInVisit), ...neighbours.flatMap(each => recordsOf(each, Math.ceil(alertsInVisit / 20)))]
  .map(record => ({ record, at: random() })).sort((a, b) => a.at - b.at).map(({ record }) => record)
const topic = uniqueName('visits')
await admin.createTopic(topic, { partitions: PARTITIONS, replicas: 1 })
for (let from = 0; from < records.length; from += 1000) await produce(connection, topic, records.slice(from, from + 1000))

async function judge<T> (...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await runTool(python, [join(import.meta.dirname, 'visit_judge.py'), ...args], { env: process.env })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

const idsInTopic = await judge<Record<string, string[]>>(kafka, topic)

const stores = {
  file: async () => ({ url: storeUrl(join(await tempDir(t), 'store')), server: '' }),
  gs: async () => ({ url: `gs://${await gcs.bucket()}`, server: gcs.url }),
  s3: async () => ({ url: `s3://${await s3.bucket()}`, server: s3.url })
}
const env = { STORAGE_EMULATOR_HOST: gcs.url, ...s3.env, ALERT_STREAM_S3_ENDPOINT_URL: s3.url }

await t.test('the topic holds the visit and its neighbours', async t => {
  t.strictSame(Object.keys(idsInTopic).sort(), [...neighbours, visit].sort())
  t.equal(idsInTopic[visit]?.length, alertsInVisit)
})

for (const [kind, open] of Object.entries(stores)) {
  for (const layout of ['v1', 'v2', 'v3']) {
    await t.test(`${kind}, ${layout}: list --visit prints exactly the ids of the visit in the topic`, async t => {
      const { url, server } = await open()
      const ingested = await runCli([
        'ingest', '--broker', kafka, '--schema-registry-url', registry, '--topic', topic, '--group', uniqueName('g'),
        '--dead-letter-topic', uniqueName('dead'), '--alert-store', url, '--layout', layout, '--limit', String(records.length)
      ], { env })
      t.match(ingested, { code: 0, stdout: `${records.length} written, 0 already archived, 0 dead letters` }, ingested.stderr)
      for (const each of [visit, neighbours[0]!]) {
        const { code, stdout, stderr } = await runCli(['list', '--alert-store', url, '--visit', each], { env })
        t.equal(code, 0, stderr)
        t.strictSame(linesOf(stdout).sort(), idsInTopic[each])
      }
      if (layout !== 'v3') return
      const folders = await judge<Record<string, Record<string, number>>>(url, server, 'v3/alerts/')
      const contents = Object.values(folders)
      t.ok(contents.every(content => Object.keys(content).length === 1), 'each folder holds one detector of one visit')
      t.equal(contents.flatMap(content => Object.values(content)).reduce((sum, count) => sum + count), records.length)
      t.equal(Object.keys(folders).filter(folder => folder.startsWith('v3/alerts/20260224/01010/')).length, DETECTORS)
    })
  }
}
