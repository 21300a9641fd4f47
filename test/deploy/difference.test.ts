import t from 'tap'
import { firstDifference } from '../../deploy/checks/difference.ts'

await t.test('the first line that is not the same in both, counted from 1', async t => {
  t.same(firstDifference('a\nb\nc', 'a\nx\nc'), { line: 2, before: 'b', after: 'x' })
})

await t.test('the end of the shorter one is told', async t => {
  t.same(firstDifference('a', 'a\nb'), { line: 2, before: '(end)', after: 'b' })
  t.same(firstDifference('a\nb', 'a'), { line: 2, before: 'b', after: '(end)' })
})
