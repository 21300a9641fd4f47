import t from 'tap'
import { parseAlertId, parseAlertName } from '../../src/ids/alert-id.ts'

await t.test('parses ids exactly up to their limits', async t => {
  for (const parse of [parseAlertId, parseAlertName]) {
    t.equal(parse('0'), '0')
    t.equal(parse('007'), '7')
    t.equal(parse('0000000000000000000'), '0')
    t.equal(parse('9223372036854775807'), '9223372036854775807')
    for (const text of ['9223372036854775808', '00000000000000000001', '', ' 1', '1 ', '-1', '+1', '0x1', '1n', '١']) {
      t.equal(parse(text), undefined, text)
    }
  }
})

await t.test('accepts IAU names only where users write ids', async t => {
  t.equal(parseAlertName('LSST-AP-DS-170028518906855444'), '170028518906855444')
  t.equal(parseAlertName('LSST-AP-DS-007'), '7')
  t.equal(parseAlertId('LSST-AP-DS-170028518906855444'), undefined)
  for (const text of [
    'LSST-AP-DS-', 'LSST-AP-DS', 'LSST-AP-DS-x', 'lsst-ap-ds-7', 'LSST-AP-DS-LSST-AP-DS-7', 'LSST-DP1-DS-7', 'LSST-AP-DO-7',
    'LSST-AP-DS- 7', 'LSST-AP-DS--7', 'LSST-AP-DS-9223372036854775808'
  ]) t.equal(parseAlertName(text), undefined, text)
})
