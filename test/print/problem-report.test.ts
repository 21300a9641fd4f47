import t from 'tap'
import { ProblemReport } from '../../src/print/problem-report.ts'

async function printed (problems: readonly object[], lists?: Readonly<Record<string, readonly object[]>>): Promise<string> {
  let text = ''
  const report = new ProblemReport(async part => { text += part })
  await report.begin()
  for (const problem of problems) await report.add(problem)
  await report.end({ complete: true, night: null }, lists)
  return text
}

await t.test('prints one problem or list item per line, then the totals', async t => {
  t.equal(await printed([{ key: 'a' }, { key: 'b' }], { partitions: [{ partition: 0 }, { partition: 1 }] }),
    '{\n"problems": [\n{"key":"a"},\n{"key":"b"}\n],\n"complete": true,\n"night": null,\n' +
    '"partitions": [\n{"partition":0},\n{"partition":1}\n]\n}\n')
})

await t.test('is valid JSON without problems and without list items', async t => {
  t.strictSame(JSON.parse(await printed([], { partitions: [] })), { problems: [], complete: true, night: null, partitions: [] })
  t.strictSame(JSON.parse(await printed([])), { problems: [], complete: true, night: null })
})
