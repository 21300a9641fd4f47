import t from 'tap'
import { parseFrame } from '../../src/avro/index.ts'
import { encodeFrame } from './support.ts'

await t.test('writes the magic byte 0x00, then the big-endian schema id', async t => {
  t.equal(encodeFrame(704, Buffer.from('abc')).toString('hex'), '00000002c0616263')
  t.equal(encodeFrame(1, Buffer.alloc(0)).toString('hex'), '0000000001')
})

await t.test('accepts only unsigned 32-bit schema ids', async t => {
  for (const id of [0, 1, 1101, 0x7fffffff, 0x80000000, 0xffffffff]) {
    t.equal(parseFrame(encodeFrame(id, Buffer.from([7]))).schemaId, id)
  }
  for (const id of [-1, 0x100000000, 1.5, NaN]) t.throws(() => encodeFrame(id, Buffer.alloc(0)), RangeError)
})

await t.test('returns the datum as a view of the frame', async t => {
  const frame = encodeFrame(5, Buffer.from('xyz'))
  const { datum } = parseFrame(frame)
  frame[5] = 0x41
  t.equal(datum.toString(), 'Ayz')
})

await t.test('rejects messages that are not frames; the error contains the length or the first byte', async t => {
  t.throws(() => parseFrame(Buffer.alloc(0)), { code: 'FRAME_EMPTY', retryable: false, message: /0 bytes/ })
  t.throws(() => parseFrame(Buffer.from([0, 0, 0, 1])), { code: 'FRAME_TOO_SHORT', message: /has 4 bytes/ })
  t.throws(() => parseFrame(Buffer.from('{"alertId": 5}')), { code: 'FRAME_BAD_MAGIC', message: /14 bytes begins with 0x7b/ })
  t.throws(() => parseFrame(Buffer.from([1])), { code: 'FRAME_BAD_MAGIC', message: /0x01/ })
})

await t.test('accepts a frame with an empty datum', async t => {
  t.same(parseFrame(Buffer.from([0, 0, 0, 0, 9])), { schemaId: 9, datum: Buffer.alloc(0) })
})
