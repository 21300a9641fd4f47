// A visit in a topic, indexed by the indexer and listed page by page over HTTP while another visit is published and indexed. With
// --rounds=10, the visit has 10,000 alerts.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { unpack, visitNumber } from '../../src/ids/packed-id.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { indexArgs, newIndex, surveyRecords } from '../alert-index/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { rounds } from '../support/rounds.ts'
import { startCli, tempDir, useStack } from '../support/stack.ts'
import { whileRunning } from './archive-support.ts'

const alerts = 1000 * rounds
const page = 100 * rounds
const partitions = 4
const servers = await useStack(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)

const idsOf = (records: readonly OutgoingRecord[]): string[] => records.map(({ key }) => String(key))

async function publish (topic: string, records: readonly OutgoingRecord[]): Promise<void> {
  for (let at = 0; at < records.length; at += 500) await produce(connection, topic, records.slice(at, at + 500))
}

await t.test('one walk of pages lists all alerts of a visit once, while another visit is written', async t => {
  const at = await newIndex(t, servers)
  await admin.createTopic(at.topic, { partitions, replicas: 1 })
  const published = await surveyRecords(at.registry, alerts, { partitions })
  await publish(at.topic, published)
  const index = startCli(t, indexArgs(at, '--segment-rows', '300', '--segment-seconds', '1'))
  const indexed = async (): Promise<boolean> => (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n
  await whileRunning(index, indexed)

  const archive = join(await tempDir(t), 'archive')
  await mkdir(archive)
  await writeFile(join(archive, 'keep'), '')
  const server = startCli(t, [
    'serve', '--listen-port', '0', '--alert-store', pathToFileURL(archive).href, '--index-store', pathToFileURL(at.root).href,
    '--index-refresh-seconds', '0', '--max-event-loop-delay', '0'
  ])
  const [, url] = await server.waitFor(/^serving (http:\S+)\n/m)
  const list = async (query: string) => {
    const response = await fetch(`${url}/alerts?${query}`)
    if (response.status !== 200) throw new Error(await response.text())
    return await response.json() as { readonly alerts: ReadonlyArray<{ readonly id: string }>, readonly next: string | null }
  }

  const visit = visitNumber(unpack(BigInt(idsOf(published)[0]!)))
  const other = await surveyRecords(at.registry, 500, { visit: 1, partitions })
  const writing = publish(at.topic, other)
  const walked: string[] = []
  let next: string | null = ''
  while (next !== null) {
    const found = await list(`visit=${visit}&columns=id&limit=${page}${next === '' ? '' : `&cursor=${next}`}`)
    walked.push(...found.alerts.map(({ id }) => id))
    next = found.next
  }
  await writing
  t.strictSame(walked.toSorted(), idsOf(published).toSorted())
  await whileRunning(index, indexed)
  const otherVisit = visitNumber(unpack(BigInt(idsOf(other)[0]!)))
  t.not(otherVisit, visit)
  t.equal((await list(`visit=${otherVisit}&columns=id&limit=10000`)).alerts.length, other.length)
})
