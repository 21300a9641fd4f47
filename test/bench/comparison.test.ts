import t from 'tap'
import { compare, measured, type Row, type Subject } from '../../bench/peers/comparison.ts'

const sample = (cpuMs: number, seconds = 1) =>
  ({ alerts: 100, bytes: 1000, seconds, cpuMs, peakBytes: 5, extra: { 'object KB': cpuMs, kind: 'x' } })

await t.test('ratios compare the rounds pair by pair', async t => {
  const reference = [sample(100), sample(400), sample(100)]
  const { ratios, cpuMsPerAlert, extra, load } = measured([sample(50), sample(100, 0.5), sample(200)], reference, [3, 1, 2])
  t.strictSame(ratios, { cpu: { median: 0.5, min: 0.25, max: 2 }, rate: { median: 1, min: 1, max: 2 } })
  t.equal(cpuMsPerAlert, 1)
  t.strictSame(extra, { 'object KB': 100, kind: 'x' })
  t.strictSame(load, [1, 3])
})

await t.test('the median of an even number of rounds is the mean of the middle ones', async t => {
  t.equal(measured([400, 100, 200, 300].map(cpuMs => sample(cpuMs)), undefined, [0]).cpuMsPerAlert, 2.5)
})

await t.test('subjects run in turn, and each row comes after its last round', async t => {
  const events: string[] = []
  const subject = (name: string): Subject => ({ name, run: async () => { events.push(name); return sample(1) } })
  const onRow = ({ subject }: Row): void => { events.push(`row ${subject}`) }
  await compare('test', [subject('a'), subject('b')], { rounds: 2, log: () => {}, onRow })
  t.strictSame(events, ['a', 'b', 'a', 'row a', 'b', 'row b'])
})

await t.test('a subject that cannot be prepared is skipped with the reason, and one that fails is not run again', async t => {
  const rows: Row[] = []
  let runs = 0
  await compare('test', [
    { name: 'missing', prepare: async () => { throw new Error('no go on PATH') }, run: async () => sample(1) },
    { name: 'broken', run: async () => { runs++; throw new Error('ended with code 1') } },
    { name: 'sound', run: async () => sample(1) }
  ], { rounds: 3, log: () => {}, onRow: row => { rows.push(row) } })
  t.match(rows, [
    { subject: 'missing', skipped: 'no go on PATH' }, { subject: 'broken', failed: 'ended with code 1' },
    { subject: 'sound', alertsPerSecond: 100 }
  ])
  t.equal(runs, 1)
  t.notOk('ratios' in rows[2]!, 'without the reference there are no ratios')
})
