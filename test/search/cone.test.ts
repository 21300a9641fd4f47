import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { Random } from '../../src/generator/random.ts'
import { coneBounds, type Cone } from '../../src/search/cone.ts'
import { usePython } from '../support/stack.ts'
import { idOf, idsOf, never, searchOf } from './support.ts'

const centres: ReadonlyArray<readonly [number, number]> = [
  [0, 0], [359.9999, 10], [0.0001, -45], [180, -89.5], [37, 90], [200, -90], [12, 89.999], [300, 60], [53.16, -27.79]
]
const radii = [0, 1 / 3600, 1 / 60, 0.5, 1, 5]

await t.test('finds the alerts of a cone that astropy finds: random cones, poles, and the wrap of right ascension', async t => {
  const random = new Random(11, 'cones')
  const between = (min: number, max: number): number => min + random.unit() * (max - min)
  const inRange = (ra: number, dec: number): [number, number] =>
    [((ra % 360) + 360) % 360 === 360 ? 0 : ((ra % 360) + 360) % 360, Math.max(-90, Math.min(90, dec))]
  const cones: Cone[] = centres.flatMap(([ra, dec]) => radii.map(radius => ({ ra, dec, radius })))
  for (let n = 0; n < 40; n++) cones.push({ ra: between(0, 360), dec: Math.asin(between(-1, 1)) * 180 / Math.PI, radius: between(0, 3) })
  const positions = cones.flatMap(({ ra, dec, radius }) => Array.from({ length: 25 }, () => {
    const spread = Math.max(radius, 1e-4) * between(0, 1.5)
    const angle = between(0, 2 * Math.PI)
    return inRange(ra + spread * Math.sin(angle) / Math.max(1e-6, Math.cos(dec * Math.PI / 180)), dec + spread * Math.cos(angle))
  }))
  positions.push(...centres.map(([ra, dec]) => inRange(ra, dec)), [0, 90], [123, -90], [0, 0])
  const rows = positions.map(([ra, dec], n) => ({ id: idOf(1 + n % 4, n), ra, dec }))
  const { search, write } = await searchOf(t)
  for (const sequence of [0, 1, 2, 3]) await write(rows.filter((_, n) => n % 4 === sequence))
  await write([{ id: idOf(9, 1), ra: null, dec: null }])

  const python = spawn(await usePython(t), [join(import.meta.dirname, 'cone_judge.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  python.stdin.end(JSON.stringify({
    positions: rows.map(({ id, ra, dec }) => [String(id), ra, dec]), cones: cones.map(({ ra, dec, radius }) => [ra, dec, radius])
  }))
  const [output] = await Promise.all([text(python.stdout), once(python, 'close')])
  const expected = JSON.parse(output) as Array<{ readonly inside: string[], readonly edge: string[] }>
  let found = 0
  for (const [n, cone] of cones.entries()) {
    const { inside, edge } = expected[n]!
    const ids = idsOf(await search.page({ query: { cone }, columns: ['id'], limit: 10_000 }, never))
    t.strictSame(ids.filter(id => !edge.includes(id)), inside.sort((a, b) => BigInt(a) < BigInt(b) ? -1 : 1), JSON.stringify(cone))
    t.equal(new Set(ids).size, ids.length)
    found += inside.length
  }
  t.ok(found > 1000, 'the cones contain alerts')
})

await t.test('bounds a cone by right ascension and declination', async t => {
  const near = (cone: Cone) => JSON.parse(JSON.stringify(coneBounds(cone), (_name, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value)) as ReturnType<typeof coneBounds>
  t.strictSame(near({ ra: 100, dec: 0, radius: 1 }), { dec: { min: -1, max: 1 }, ra: [{ min: 99, max: 101 }] })
  t.strictSame(near({ ra: 0.5, dec: 60, radius: 1 }),
    { dec: { min: 59, max: 61 }, ra: [{ min: 0, max: 2.5003 }, { min: 358.4997, max: 360 }] })
  t.strictSame(near({ ra: 359.5, dec: 0, radius: 1 }).ra, [{ min: 358.5, max: 360 }, { min: 0, max: 0.5 }])
  t.strictSame(near({ ra: 30, dec: -89.5, radius: 1 }).ra, [{ min: 0, max: 360 }])
})
