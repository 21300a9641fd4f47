import { gzipSync } from 'node:zlib'
import t from 'tap'
import { MAIN_VERSIONS, surveySchema, visitOfAlerts } from './support.ts'

const COUNT = 480
const CUTOUTS = ['cutoutDifference', 'cutoutScience', 'cutoutTemplate'] as const

for (const version of MAIN_VERSIONS.filter(version => version !== '8.0')) {
  await t.test(`alerts of ${version} have the survey's mean size and gzip ratio, and a tail of large alerts`, async t => {
    const schema = await surveySchema(version)
    const alerts = await visitOfAlerts(version, COUNT)
    const data = alerts.map(alert => schema.encode(alert))
    const sizes = data.map(datum => datum.length).sort((a, b) => a - b)
    const mean = sizes.reduce((a, b) => a + b) / COUNT
    const zipped = data.reduce((sum, datum) => sum + gzipSync(datum, { level: 6 }).length, 0)
    const ratio = zipped / mean / COUNT
    const [median, largest] = [sizes[COUNT / 2]!, sizes.at(-1)!]
    t.comment(`${version}: mean ${Math.round(mean)} bytes, median ${median}, largest ${largest}, gzip ratio ${ratio.toFixed(3)}`)
    t.ok(mean > 81_000 && mean < 84_500, `mean size ${mean} bytes`)
    t.ok(ratio > 0.44 && ratio < 0.52, `gzip ratio ${ratio}`)
    t.ok(median < mean && largest > 1.8 * mean, 'the sizes are skewed to the right')
    const layouts = new Map<string, number>()
    for (const alert of alerts) {
      const layout = CUTOUTS.map(name => alert[name].length as number).join('/')
      layouts.set(layout, (layouts.get(layout) ?? 0) + 1)
    }
    const expected = { '23040/25920/25920': COUNT * 11 / 12, '34560/34560/69120': COUNT / 12 }
    t.same(Object.fromEntries(layouts), expected, 'exactly one alert in twelve has large cutouts')
  })
}
