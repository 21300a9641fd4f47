// HEALPix numbers, compared with those of astropy-healpix.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { healpixNested } from '../../src/alert-index/healpix.ts'
import { seeded } from '../support/pipeline.ts'
import { usePython } from '../support/stack.ts'

type Position = readonly [ra: number, dec: number]

const python = await usePython(t)

function theirs (order: number, positions: readonly Position[]): { readonly numbers: BigInt64Array, readonly borders: Float64Array } {
  const input = Buffer.from(Float64Array.from(positions.flat()).buffer)
  const script = join(import.meta.dirname, 'healpix_judge.py')
  const { stdout, stderr, status } = spawnSync(python, [script, String(order)], { input, maxBuffer: 64 * 1024 * 1024 })
  if (status !== 0) throw new Error(String(stderr))
  const bytes = Uint8Array.from(stdout).buffer
  return {
    numbers: new BigInt64Array(bytes, 0, positions.length), borders: new Float64Array(bytes, 8 * positions.length, positions.length)
  }
}

/**
 * The positions with another number than that of astropy, further from a border than rounding can explain: doubles of degrees have steps of
 * up to 6e-14, and pixels of order 29 are 1.1e-7 degrees.
 */
function differences (order: number, positions: readonly Position[]): string[] {
  const { numbers, borders } = theirs(order, positions)
  return positions.flatMap(([ra, dec], index) =>
    healpixNested(order, ra, dec) === numbers[index] || borders[index]! < 1e-13 * 2 ** order ? [] : [`${ra} ${dec}`])
}

await t.test('a million random positions have the numbers of astropy-healpix at order 29', async t => {
  const random = seeded(15)
  const positions = Array.from({ length: 1_000_000 }, (): Position => [random() * 360, Math.asin(2 * random() - 1) * 180 / Math.PI])
  t.strictSame(differences(29, positions), [])
})

await t.test('positions in all orders, at the poles, the RA wrap and borders have the numbers of astropy-healpix', async t => {
  const random = seeded(29)
  const transition = Math.asin(2 / 3) * 180 / Math.PI
  const near = (value: number): number[] => [-1e-3, -1e-7, -1e-9, 0, 1e-9, 1e-7, 1e-3].map(step => value + step)
  const decs = [-90, -transition, 0, transition, 90].flatMap(near).filter(dec => Math.abs(dec) <= 90)
  const ras = [0, 45, 90, 135, 180, 270, 360].flatMap(near)
  const positions = [
    ...ras.flatMap(ra => decs.map((dec): Position => [ra, dec])),
    ...Array.from({ length: 2000 }, (): Position => [random() * 360, (random() < 0.5 ? -1 : 1) * (90 - 10 ** (-12 * random()))])
  ]
  for (const order of [0, 1, 7, 16, 17, 24, 29]) t.strictSame(differences(order, positions), [], `order ${order}`)
})

await t.test('right ascension wraps, and the number of a pixel begins with that of its parent', async t => {
  for (const [ra, dec] of [[10, 20], [359.9, -80], [200, 3]] as const) {
    const number = healpixNested(29, ra, dec)!
    t.equal(healpixNested(29, ra - 360, dec), number)
    t.equal(healpixNested(29, ra + 720, dec), number)
    for (let order = 0; order < 29; order++) t.equal(healpixNested(order, ra, dec), number >> BigInt(2 * (29 - order)))
  }
  t.equal(healpixNested(29, 45, 90), 4n ** 29n - 1n)
  t.equal(healpixNested(29, -1e-20, 0), healpixNested(29, 0, 0), 'a right ascension that rounds to 360 is 0')
})

await t.test('what is no position on the sphere has no number, and an impossible order throws', async t => {
  const invalid = [[NaN, 0], [0, NaN], [Infinity, 0], [0, 90.0001], [0, -91]] as const
  for (const [ra, dec] of invalid) t.equal(healpixNested(29, ra, dec), undefined)
  for (const order of [-1, 30, 1.5]) t.throws(() => healpixNested(order, 0, 0), RangeError)
})
