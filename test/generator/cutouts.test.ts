import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { createContainerWriter } from '../../src/avro/index.ts'
import { pixelToSky } from '../../src/generator/focal-plane.ts'
import { pointingOf, visitOf } from '../../src/generator/visits.ts'
import { tempDir, usePython } from '../support/stack.ts'
import { runPython, surveySchema, visitOfAlerts } from './support.ts'

interface AlertReport {
  readonly records: number
  readonly digests: readonly string[]
  readonly faults: readonly string[]
  readonly stats: {
    readonly worstWcs: number
    readonly peaks: number
    readonly pullMean: number
    readonly pullDeviation: number
    readonly errorRatio: number
  }
}

await t.test('fastavro and astropy accept every alert, and WCS, photometry and noise of the cutouts match the fields', async t => {
  const python = await usePython(t)
  const folder = await tempDir(t)
  for (const [version, visit, count] of [['11.1', 0, 120], ['10.0', 1, 36], ['9.0', 2, 36], ['7.4', 3, 36]] as const) {
    const schema = await surveySchema(version)
    const alerts = await visitOfAlerts(version, count, visit)
    const path = join(folder, `${version}.avro`)
    const writer = await createContainerWriter(path, schema)
    const digests: string[] = []
    for (const alert of alerts) {
      await writer.append(alert)
      digests.push(createHash('sha256').update(schema.encode(alert)).digest('hex'))
    }
    await writer.close()
    const { records, faults, stats, ...report } = await runPython(python, 'check_alerts.py', [path]) as AlertReport
    t.comment(version, stats)
    t.equal(records, alerts.length, `fastavro reads every alert of ${version}`)
    t.same(faults, [], 'check_alerts.py finds no fault')
    t.same(report.digests, digests, 'fastavro encodes the same bytes')
    t.ok(stats.worstWcs < 1e-3, `largest WCS error: ${stats.worstWcs} pixels`)
    if (count < 100) continue
    t.ok(stats.peaks > 3, 'the sample has bright sources')
    t.ok(Math.abs(stats.pullMean) < 0.35, `photometry is unbiased: mean pull ${stats.pullMean} sigma`)
    t.ok(stats.pullDeviation > 0.8 && stats.pullDeviation < 1.2, `noise agrees with UNCERT: deviation of pulls ${stats.pullDeviation}`)
    t.ok(stats.errorRatio > 0.85 && stats.errorRatio < 1.15, `photometric error / psfFluxErr is ${stats.errorRatio}`)
  }
})

await t.test('the field of view is 3.5 degrees wide and the local WCS is valid across a detector', async t => {
  const cases = []
  for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
    const pointing = pointingOf(1, visitOf(1, index))
    for (const detector of [0, 8, 31, 94, 150, 180, 188]) {
      for (const [dx, dy] of [[100, 0], [0, 100], [-70, 70]] as const) {
        const here = pixelToSky(pointing, detector, 2000, 1000)
        const there = pixelToSky(pointing, detector, 2000 + dx, 1000 + dy)
        cases.push({ pointing, here, there, dx, dy })
      }
    }
  }
  const report = await runPython(await usePython(t), 'check_sky.py', [], JSON.stringify(cases))
  const { worstPixels, widestDegrees } = report as { worstPixels: number, widestDegrees: number }
  t.ok(worstPixels < 0.15, `the local WCS is off by ${worstPixels} pixels at a distance of 100 pixels`)
  t.ok(widestDegrees > 1.5 && widestDegrees < 2.1, `the detectors reach ${widestDegrees} degrees from the pointing`)
})
