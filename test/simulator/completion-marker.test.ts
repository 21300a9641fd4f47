import t from 'tap'
import { textHeader } from '../../src/kafka/record.ts'
import { completionHeader, completionMarkerHeader, maxMarkerBytes, parseCompletionMarker } from '../../src/simulator/completion-marker.ts'

await t.test('maxMarkerBytes is an upper bound of the bytes of a marker, and at most 23 bytes too large', async t => {
  for (const partitions of [1, 8, 1000]) {
    const counts = new Array<number>(partitions).fill(9_999_999_999)
    const [name, value] = completionMarkerHeader({ load: crypto.randomUUID(), alerts: 9_999_999_999, partitions: counts })
    const bytes = name.length + value!.length
    t.ok(bytes <= maxMarkerBytes(partitions), `${bytes} of ${maxMarkerBytes(partitions)}`)
    t.ok(bytes > maxMarkerBytes(partitions) - 24)
  }
})

await t.test('ignores headers that are not a valid marker', async t => {
  for (const text of ['', 'yes', '1', 'null', '[]', '{}', '{"load":"l","alerts":"1","partitions":[1]}', '{"load":"l","alerts":1}']) {
    t.equal(parseCompletionMarker({ headers: [textHeader(completionHeader, text)] }), undefined, text)
  }
  t.equal(parseCompletionMarker({ headers: [] }), undefined)
  t.equal(parseCompletionMarker({ headers: [[Buffer.from(completionHeader), null]] }), undefined)
})
