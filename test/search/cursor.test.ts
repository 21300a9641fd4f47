import t from 'tap'
import { decodeCursor, encodeCursor, segmentsOf } from '../../src/search/cursor.ts'

const maxSegments = 890

const segments = (count: number) => Array.from({ length: count }, (_, n) =>
  ({ key: `index/v1/segments/20260301/${String(n).padStart(13, '0')}-0123456789abcdef.parquet`, night: '20260301', firstTimestamp: n }))

await t.test('a cursor holds the last id and the segments of a listing', async t => {
  const query = { visit: 2026030100007n }
  const all = segments(maxSegments)
  const text = encodeCursor(query, (1n << 63n) - 1n, { revisions: [], segments: all })
  t.match(text, /^[A-Za-z0-9_-]+$/)
  t.ok(text.length < 7200, 'a request line of 8 KiB has room for the cursor')
  const cursor = decodeCursor(query, text)!
  t.equal(cursor.after, (1n << 63n) - 1n)
  t.strictSame(segmentsOf(cursor, segments(maxSegments + 5)), all, 'later segments are not part of the listing')
  t.throws(() => segmentsOf(cursor, segments(maxSegments - 1)), { code: 'SEGMENT_GONE', message: /1 segments/ })
})

await t.test('a listing of too many segments has no second page', async t => {
  t.throws(() => encodeCursor({}, 1n, { revisions: [], segments: segments(maxSegments + 20) }), { code: 'SEARCH_TOO_BROAD' })
})
