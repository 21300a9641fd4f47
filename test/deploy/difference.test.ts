import t from 'tap'
import { firstDifference } from '../../deploy/checks/difference.ts'

await t.test('finds the first line that differs, counted from 1', async t => {
  t.same(firstDifference('a\nb\nc', 'a\nx\nc'), { line: 2, before: 'b', after: 'x' })
})

await t.test('reports the end of the shorter text', async t => {
  t.same(firstDifference('a', 'a\nb'), { line: 2, before: '(end)', after: 'b' })
  t.same(firstDifference('a\nb', 'a'), { line: 2, before: 'b', after: '(end)' })
})
