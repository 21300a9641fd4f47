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
  t.strictSame(cursor.revisions, [])
  t.strictSame(segmentsOf(cursor, segments(maxSegments + 5)), all, 'later segments are not part of the listing')
  t.throws(() => segmentsOf(cursor, segments(maxSegments - 1)), { code: 'SEGMENT_GONE', message: /1 segments/ })
})

await t.test('a listing of too many segments has no second page', async t => {
  t.throws(() => encodeCursor({}, 1n, { revisions: [], segments: segments(maxSegments + 20) }), { code: 'SEARCH_TOO_BROAD' })
})

await t.test('a cursor holds the revisions of ten years of nights', async t => {
  const day = (n: number) => new Date(Date.UTC(2026, 2, 1) + n * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
  const revisions = Array.from({ length: 2600 }, (_, n) => ({ night: day(n), revision: n % 500 === 7 ? 70_000 : 1 + n % 3 }))
  const listing = { revisions: revisions.toReversed(), segments: segments(20) }
  const text = encodeCursor({}, -5n, listing)
  t.ok(text.length <= 7200)
  const cursor = decodeCursor({}, text)!
  t.strictSame(cursor.revisions, revisions)
  t.equal(cursor.after, -5n)
  t.strictSame(segmentsOf(cursor, segments(30)), listing.segments)
  const tooMany = { ...listing, segments: segments(100) }
  t.throws(() => encodeCursor({}, 1n, tooMany), { code: 'SEARCH_TOO_BROAD', message: /2600 revisions and 100/ })
})

await t.test('text that is no cursor is not accepted', async t => {
  const listing = { revisions: [{ night: '20260301', revision: 200 }, { night: '20260302', revision: 1 }], segments: segments(2) }
  const bytes = Buffer.from(encodeCursor({}, 1n, listing), 'base64url')
  t.ok(decodeCursor({}, bytes.toString('base64url')))
  // The last two lengths end after a whole segment and after the revisions.
  for (let length = 0; length < bytes.length; length++) {
    const cursor = decodeCursor({}, bytes.toString('base64url', 0, length))
    t.equal(cursor !== undefined, length === bytes.length - 6 || length === bytes.length - 12, String(length))
  }
  const other = (at: number, ...values: readonly number[]) => {
    const changed = Buffer.from(bytes)
    changed.set(values, at)
    return decodeCursor({}, changed.toString('base64url'))
  }
  t.equal(other(0, 1), undefined, 'an earlier version')
  t.equal(other(15, 0xff, 0xff, 0xff, 0xff, 0x7f), undefined, 'more revisions than bytes')
  t.equal(other(16, 0xff, 0xff, 0xff, 0xff, 0x7f), undefined, 'a night after the year 9999')
})
