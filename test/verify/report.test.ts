// The report: one JSON document that is printed while the check runs.
import t from 'tap'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { VerifyReport, type Problem } from '../../src/verify/report.ts'

function recordAt (offset: bigint): KafkaRecord {
  return { topic: 'alerts', partition: 3, offset, leaderEpoch: 0, timestamp: 0n, key: null, value: Buffer.from('value'), headers: [] }
}

function problemAt (offset: bigint, more: Partial<Problem> = {}): Problem {
  const alertId = String(offset)
  return { problem: 'missing', object: 'alert', record: recordAt(offset), alertId, schemaId: 7, reason: 'a "reason"', ...more }
}

const partition = {
  topic: 'alerts', partition: 3, committed: 9_007_199_254_740_993n, logStart: 2n, logEnd: 9_007_199_254_740_999n, next: 5n, end: 9n,
  expired: 2n, truncated: 1n
}
const topics = [{ topic: 'alerts', id: 'x', partitions: [partition, { ...partition, partition: 4, committed: undefined }] }]
const subject = { group: 'g', alertStore: 'file:///a', schemaStore: 'file:///s', topics }

function reportTo (printed: string[]): VerifyReport {
  return new VerifyReport(async text => { printed.push(text) })
}

await t.test('prints a problem when it is found, and a valid document at the end', async t => {
  const printed: string[] = []
  const report = reportTo(printed)
  await report.begin()
  await report.print([problemAt(9_007_199_254_740_993n)])
  t.match(printed.join(''), /"offset":"9007199254740993"/)
  await report.print([problemAt(8n, { object: 'schema', alertId: undefined }), problemAt(8n, { problem: 'different' })])
  report.verified = 5
  await report.end(subject, 1, true)
  t.strictSame(JSON.parse(printed.join('')), {
    problems: [
      { problem: 'missing', object: 'alert', topic: 'alerts', partition: 3, offset: '9007199254740993', alertId: '9007199254740993',
        schemaId: 7, reason: 'a "reason"' },
      { problem: 'missing', object: 'schema', topic: 'alerts', partition: 3, offset: '8', schemaId: 7, reason: 'a "reason"' },
      { problem: 'different', object: 'alert', topic: 'alerts', partition: 3, offset: '8', alertId: '8', schemaId: 7, reason: 'a "reason"' }
    ],
    complete: true, group: 'g', alertStore: 'file:///a', schemaStore: 'file:///s',
    verified: 5, repeats: 0, deadLettered: 0, missing: 2, different: 1, repaired: 0, schemas: 1, expired: 4, truncated: 2,
    partitions: [
      { topic: 'alerts', partition: 3, committed: '9007199254740993', checkedTo: '5', logStart: '2', logEnd: '9007199254740999' },
      { topic: 'alerts', partition: 4, committed: null, checkedTo: '5', logStart: '2', logEnd: '9007199254740999' }
    ]
  })
  t.equal(report.remaining, 3)
})

await t.test('a report without problems is valid JSON too', async t => {
  const printed: string[] = []
  const report = reportTo(printed)
  await report.begin()
  await report.end(subject, 0, false)
  t.match(JSON.parse(printed.join('')), { problems: [], complete: false, missing: 0, different: 0 })
})

await t.test('a repair solves missing objects; a different object and a missing schema stay if the record is dead-lettered', async t => {
  const printed: string[] = []
  const report = reportTo(printed)
  await report.begin()
  const schema = { object: 'schema' } as const
  const different = { problem: 'different' } as const
  const cases = [
    [[problemAt(1n)], 'archived', 0], [[problemAt(2n)], 'dead-lettered', 0], [[problemAt(3n, schema)], 'archived', 0],
    [[problemAt(4n, schema)], 'dead-lettered', 1], [[problemAt(5n, different)], 'dead-lettered', 1],
    [[problemAt(6n, schema), problemAt(6n)], 'archived', 0]
  ] as const
  let remaining = 0
  for (const [problems, repair, left] of cases) {
    report.keep(problems)
    t.notMatch(printed.join(''), `"offset":"${problems[0].record.offset}"`, 'a problem is printed with the result of its repair')
    await report.repairEnded(`alerts[3]@${problems[0].record.offset}`, repair)
    t.equal(report.remaining, remaining += left)
  }
  report.keep([problemAt(7n)])
  await report.end(subject, 1, false)
  const { problems, ...totals } = JSON.parse(printed.join('')) as { problems: Array<{ offset: string, repair?: string }> }
  t.match(totals, { missing: 7, different: 1, repaired: 5 })
  t.strictSame(problems.map(({ offset, repair }) => [offset, repair]), [
    ['1', 'archived'], ['2', 'dead-lettered'], ['3', 'archived'], ['4', 'dead-lettered'], ['5', 'dead-lettered'],
    ['6', 'archived'], ['6', 'archived'], ['7', undefined]
  ])
  t.equal(report.remaining, 3)
})
