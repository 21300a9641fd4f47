import t from 'tap'
import { Random } from '../../src/generator/random.ts'
import { decodeId, detectors, encodeId, idRanges, packedIdFormat, parseVisit, rubinIds, visitNumber } from '../../src/ids/packed-id.ts'

await t.test('decodes the ids of published alerts', async t => {
  // diaSourceId, visit and detector as they stand together in public documents and in alerts that brokers have published:
  // the alert format page of the Lasair documentation; an ANTARES alert of the first public night, in the mock alert of a
  // follow-up service on GitHub (lsst_diaSource_visit, lsst_diaSource_detector).
  const triples = [
    ['169760235359568157', 2025121900283n, 179],
    ['170055002004914266', 2026022401010n, 89]
  ] as const
  for (const [id, visit, detector] of triples) {
    t.match(decodeId(BigInt(id)), { tag: 2, visit, detector, sequence: Number(visit % 100_000n), night: String(visit / 100_000n) })
  }
  // diaSourceId and midpointMjdTai: an answer of the Lasair API, and a detection in the tests of an LSST light-curve package on GitHub.
  // In Chile, day_obs is the date 12 hours before, in UTC.
  for (const [id, mjd] of [['170028512255672336', 61090.18], ['170032882292621441', 61091.035]] as const) {
    const night = new Date((mjd - 40587 - 0.5) * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
    t.match(decodeId(BigInt(id)), { tag: 2, night })
  }
})

await t.test('decodes what it encodes, and agrees with binary digits', async t => {
  const format4 = packedIdFormat('5,14,14,9,21', '3,1,1')
  t.strictSame(format4.tags, [1, 3])
  const random = new Random(7, 'ids')
  const below = (limit: number) => Math.floor(random.unit() * limit)
  for (const format of [rubinIds, format4]) {
    const { bits, tags } = format
    let previous: { id: bigint, order: string } | undefined
    for (let n = 0; n < 1000; n++) {
      const corner = n % 3 === 0
      const pick = (limit: number) => corner ? (n % 2) * (limit - 1) : below(limit)
      const day = pick(2 ** bits.day)
      const night = new Date(Date.UTC(2010, 0, 1 + day)).toISOString().slice(0, 10).replaceAll('-', '')
      const parts = {
        tag: tags[below(tags.length)]!, night, sequence: pick(2 ** bits.sequence), detector: pick(detectors),
        counter: pick(2 ** bits.counter)
      }
      const id = encodeId(parts, format)
      t.strictSame(decodeId(id, format), { ...parts, visit: visitNumber(parts) })
      const digits = [[parts.tag, bits.tag], [day, bits.day], [parts.sequence, bits.sequence], [parts.detector, bits.detector],
        [parts.counter, bits.counter]] as const
      t.equal(id, BigInt('0b' + digits.map(([value, width]) => value.toString(2).padStart(width, '0')).join('')))
      const order = digits.map(([value]) => String(value).padStart(9, '0')).join()
      if (previous !== undefined) t.equal(id < previous.id, order < previous.order, 'ids are in the order of their parts')
      previous = { id, order }
    }
  }
})

await t.test('does not decode ids of another kind', async t => {
  const other = (bits: string) => decodeId(BigInt('0b' + bits.padStart(63, '0')))
  const rest = (detector: number) => '0'.repeat(29) + detector.toString(2).padStart(8, '0') + '1'.repeat(19)
  t.equal(other('10' + rest(204))?.detector, 204)
  t.equal(other('100' + rest(204))?.tag, 4)
  t.equal(other('10' + rest(205)), undefined, 'the camera has 205 detectors')
  t.equal(other('11' + rest(0)), undefined, 'tag 3')
  t.equal(other('1111111' + rest(0)), undefined)
  for (const id of [0n, 1n, 12345678n, 2n ** 63n - 1n]) t.equal(decodeId(id), undefined)
})

await t.test('a night, a visit and a detector are ranges without gaps and without overlap', async t => {
  const format = packedIdFormat('4,14,15,8,19', '2,4')
  const night = '20260224'
  const inside = (id: bigint, ranges: ReturnType<typeof idRanges>) => ranges.some(({ first, last }) => first <= id && id <= last)
  for (const [where, next, bits] of [
    [{ night }, { night: '20260225' }, 42n],
    [{ night, sequence: 7 }, { night, sequence: 8 }, 27n],
    [{ night, sequence: 7, detector: 12 }, { night, sequence: 7, detector: 13 }, 19n]
  ] as const) {
    const ranges = idRanges(where, format)
    t.equal(ranges.length, 2)
    for (const [index, { first, last }] of ranges.entries()) {
      t.equal(last - first + 1n, 1n << bits)
      t.equal(idRanges(next, format)[index]!.first, last + 1n, 'the next range follows')
      t.match(decodeId(first, format), where)
      t.notMatch(decodeId(last + 1n, format) ?? {}, where)
      t.notMatch(decodeId(first - 1n, format) ?? {}, where)
    }
    t.ok(ranges[0]!.last < ranges[1]!.first)
    for (const tag of format.tags) {
      t.ok(inside(encodeId({ tag, sequence: 7, detector: 12, counter: 99, ...where }, format), ranges))
    }
  }
  t.ok(inside(170055002004914266n, idRanges({ night, sequence: 1010, detector: 89 })))
})

await t.test('rejects parts that do not fit', async t => {
  const parts = { tag: 2, night: '20260224', sequence: 1, detector: 1, counter: 1 }
  for (const wrong of [
    { tag: 128 }, { tag: -1 }, { sequence: 32768 }, { detector: 205 }, { counter: 524288 }, { counter: 1.5 }, { night: '20091231' },
    { night: '20260230' }, { night: '2026022' }, { night: '20541110' }
  ]) t.throws(() => encodeId({ ...parts, ...wrong }), { code: 'ID_OUT_OF_RANGE', message: new RegExp(`${Object.values(wrong)[0]}`) })
  t.equal(decodeId(encodeId({ ...parts, night: '20541109' }))?.night, '20541109', 'the last night of 14 bits')
})

await t.test('parses visits', async t => {
  t.strictSame(parseVisit('2026022401010'), { night: '20260224', sequence: 1010 })
  for (const text of ['202602240101', '20260224010100', '2026023001010', 'abc', '']) t.equal(parseVisit(text), undefined, text)
})

await t.test('rejects a format whose nights and visits could not be written', async t => {
  t.strictSame(packedIdFormat('7, 14,15,8,19', '2,4'), rubinIds)
  for (const [bits, tags] of [
    ['7,14,15,8', '2'], ['7,14,15,8,20', '2'], ['7,14,15,7,19', '2'], ['7,14,17,8,10', '2'], ['7,22,15,8,10', '2'], ['7,14,0,8,19', '2'],
    ['7,14,x,8,19', '2'], ['7,14,15,8,19', ''], ['7,14,15,8,19', '128'], ['7,14,15,8,19', '2,-4'], ['', '2']
  ]) t.throws(() => packedIdFormat(bits!, tags!), { code: 'ID_FORMAT_INVALID' }, `${bits} ${tags}`)
})
