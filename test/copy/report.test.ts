import t from 'tap'
import { CopyReport } from '../../src/copy/report.ts'

await t.test('the summary uses the singular for one object', async t => {
  const report = new CopyReport(async () => {})
  report.copied.alert = 1
  report.present = 1
  t.equal(report.summary(), '1 alert and 0 schemas copied, 1 object already present, 0 different, 0 damaged, 0 missing')
})
