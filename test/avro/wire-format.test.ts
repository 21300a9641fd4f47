import t from 'tap'
import { encodeFrame, parseFrame } from '../../src/avro/index.ts'

await t.test('a frame is 0x00, the id big-endian, the datum', async t => {
  t.equal(encodeFrame(704, Buffer.from('abc')).toString('hex'), '00000002c0616263')
  t.equal(encodeFrame(1, Buffer.alloc(0)).toString('hex'), '0000000001')
})

await t.test('ids are unsigned over all 32 bits', async t => {
  for (const id of [0, 1, 1101, 0x7fffffff, 0x80000000, 0xffffffff]) {
    t.equal(parseFrame(encodeFrame(id, Buffer.from([7]))).schemaId, id)
  }
  for (const id of [-1, 0x100000000, 1.5, NaN]) t.throws(() => encodeFrame(id, Buffer.alloc(0)), RangeError)
})

await t.test('the datum is a view of the frame, not a copy', async t => {
  const frame = encodeFrame(5, Buffer.from('xyz'))
  const { datum } = parseFrame(frame)
  frame[5] = 0x41
  t.equal(datum.toString(), 'Ayz')
})

await t.test('what is no frame says so with its length and first byte', async t => {
  t.throws(() => parseFrame(Buffer.alloc(0)), { code: 'FRAME_EMPTY', retryable: false, message: /0 bytes/ })
  t.throws(() => parseFrame(Buffer.from([0, 0, 0, 1])), { code: 'FRAME_TOO_SHORT', message: /has 4 bytes/ })
  t.throws(() => parseFrame(Buffer.from('{"alertId": 5}')), { code: 'FRAME_BAD_MAGIC', message: /14 bytes begins with 0x7b/ })
  t.throws(() => parseFrame(Buffer.from([1])), { code: 'FRAME_BAD_MAGIC', message: /0x01/ })
})

await t.test('a frame without a datum is a frame', async t => {
  t.same(parseFrame(Buffer.from([0, 0, 0, 0, 9])), { schemaId: 9, datum: Buffer.alloc(0) })
})
