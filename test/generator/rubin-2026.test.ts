// The profile rubin-2026, judged by fastavro and astropy.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { createContainerWriter } from '../../src/avro/index.ts'
import { tempDir, usePython } from '../support/stack.ts'
import { generatorOf, runPython, surveySchema } from './support.ts'

interface Report {
  readonly records: number
  readonly digests: readonly string[]
  readonly faults: readonly string[]
  readonly stats: Readonly<Record<
    'moving' | 'newObjects' | 'numbers' | 'nan' | 'nanOfNew' | 'numbersOfAlert' | 'worstWcs' | 'cutouts' | 'detectors',
    number
  >>
}

const COUNT = 192

for (const version of ['9.0', '10.0', '11.0', '11.1']) {
  await t.test(`alerts of schema ${version} are like Rubin's, and fastavro and astropy accept them`, async t => {
    const schema = await surveySchema(version)
    const path = join(await tempDir(t), 'alerts.avro')
    const writer = await createContainerWriter(path, schema)
    const generator = await generatorOf(version, 1, 'rubin-2026')
    const digests: string[] = []
    for (let index = 0; index < COUNT; index++) {
      const alert = generator.alert(0, index, COUNT)
      await writer.append(alert)
      digests.push(createHash('sha256').update(schema.encode(alert)).digest('hex'))
    }
    await writer.close()
    const { records, faults, stats, ...report } = await runPython(await usePython(t), 'check_rubin.py', [path]) as Report
    t.comment(version, stats)
    t.equal(records, COUNT)
    t.same(faults, [], 'check_rubin.py finds no fault')
    t.same(report.digests, digests, 'fastavro encodes the same bytes')
    t.equal(stats.detectors, 189)
    t.ok(stats.worstWcs < 1e-3, `largest WCS error: ${stats.worstWcs} pixels`)
    t.ok(Math.abs(stats.cutouts - 29_160) < 1, `mean size of the cutouts ${stats.cutouts} bytes`)
    t.ok(stats.moving > 1 && stats.moving < 25, `${stats.moving} solar-system objects`)
    // A real alert of schema 9.0 has 87 NaN in 123 float and double fields.
    t.ok(stats.numbersOfAlert >= 123 && stats.numbersOfAlert <= 124, `${stats.numbersOfAlert} numbers in diaSource and diaObject`)
    const ofNew = stats.nanOfNew / stats.newObjects
    t.ok(stats.newObjects > 2 && ofNew > 75 && ofNew < 90, `${ofNew} NaN in an alert of a new object`)
    const share = stats.nan / stats.numbers
    t.ok(share > 0.5 && share < 0.71, `${share} of all numbers are NaN`)
  })
}

for (const version of ['9.0', '11.1']) {
  await t.test(`alerts of schema ${version} have 112 KB on average, 83 KB without cutouts, and at most 500 KB`, async t => {
    const schema = await surveySchema(version)
    const generator = await generatorOf(version, 1, 'rubin-2026')
    const sizes = Array.from({ length: 1200 }, (_, index) => schema.encode(generator.alert(0, index, 1200)).length)
    const mean = sizes.reduce((sum, size) => sum + size) / sizes.length
    t.comment(`${version}: mean ${Math.round(mean)} bytes, largest ${Math.max(...sizes)}`)
    t.ok(Math.abs(mean - 112_000) < 5000, `mean size ${mean} bytes`)
    t.ok(Math.max(...sizes) > 420_000 && Math.max(...sizes) < 510_000, `largest alert ${Math.max(...sizes)} bytes`)
  })
}

await t.test('the same seed gives the same alert in any order of generation', async t => {
  const schema = await surveySchema('11.1')
  const encoded = async (order: readonly number[]) => {
    const generator = await generatorOf('11.1', 5, 'rubin-2026')
    return new Map(order.map(index => [index, schema.encode(generator.alert(2, index, 50)).toString('hex')]))
  }
  const [forwards, backwards] = [await encoded([0, 3, 7, 49]), await encoded([49, 7, 3, 0])]
  for (const [index, datum] of forwards) t.equal(backwards.get(index) === datum, true, `alert ${index}`)
})
