import t from 'tap'
import { healpixNested } from '../../src/alert-index/healpix.ts'
import { conePixels } from '../../src/search/cone-pixels.ts'
import { seeded } from '../support/pipeline.ts'

const degree = Math.PI / 180

/** The position at a distance from another one, in a direction. All in degrees. */
function moved (ra: number, dec: number, distance: number, direction: number): [number, number] {
  const [d, r, b] = [dec * degree, distance * degree, direction * degree]
  const sine = Math.sin(d) * Math.cos(r) + Math.cos(d) * Math.sin(r) * Math.cos(b)
  const east = Math.atan2(Math.sin(b) * Math.sin(r) * Math.cos(d), Math.cos(r) - Math.sin(d) * sine)
  return [ra + east / degree, Math.asin(Math.max(-1, Math.min(1, sine))) / degree]
}

await t.test('the ranges contain the pixels of all positions in a cone, and little more', async t => {
  const random = seeded(8)
  const centres = [[0, 0], [359.9999, 10], [45, 41.8], [180, -89.5], [37, 90], [200, -90], [12, 89.999], [300, 60], [53.16, -27.79]]
  for (let n = 0; n < 60; n++) centres.push([360 * random(), Math.asin(2 * random() - 1) / degree])
  let tested = 0
  for (const [ra, dec] of centres as Array<[number, number]>) {
    for (const radius of [0, 1 / 3600, 1 / 60, 0.3, 1, 5, 60, 180]) {
      const ranges = conePixels({ ra, dec, radius })
      const text = `${ra} ${dec} ${radius}`
      for (let n = 0; n < 40; n++) {
        const number = healpixNested(29, ...moved(ra, dec, n < 20 ? radius * 0.999999 : radius * random(), 360 * random()))!
        if (!ranges.some(({ first, last }) => first <= number && number <= last)) t.fail(`${text}: ${number} is in no range`)
        tested++
      }
      t.ok(ranges.every(({ first, last }, index) => first <= last && (index === 0 || first > ranges[index - 1]!.last)), text)
      // The area is that of the cone widened by less than the size of a pixel.
      const area = ranges.reduce((sum, { first, last }) => sum + Number(last - first + 1n), 0) / (12 * 4 ** 29)
      t.ok(area <= (1 - Math.cos(Math.min(180, 3.5 * radius + 0.02) * degree)) / 2 + 1e-12, `${text}: ${area} of the sky`)
      t.ok(ranges.length < 80, text)
    }
  }
  t.ok(tested > 20_000)
})
