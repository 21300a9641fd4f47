// Lines of records for whose schema id the registry returns no usable schema. test/modes/print-stream.test.ts prints lines of real topics.
import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { silent } from '../../src/pipeline/log.ts'
import { lineReader } from '../../src/print/record-lines.ts'
import { badAnswers, fakeRegistry } from '../support/fake-registry.ts'

await t.test('prints a record as not an alert if the registry returns no usable schema for its id alone', async t => {
  const text = '{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"}]}'
  const { url } = await fakeRegistry(t, { 7: text, ...badAnswers })
  const { fromRecord } = lineReader(url, silent)
  const recordOf = (schemaId: number) => ({
    topic: 'alerts', partition: 0, offset: 0n, leaderEpoch: 0, timestamp: 0n, key: null, headers: [],
    value: parseSchema(text).encodeFramed(schemaId, { diaSourceId: 5n })
  })
  t.match(await fromRecord(recordOf(7)), { id: '5' })
  for (const id of [...Object.keys(badAnswers).map(Number), 2 ** 31]) {
    t.match(await fromRecord(recordOf(id)), { problem: /^UNKNOWN_SCHEMA: / }, `id ${id}`)
  }
})
