import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createContainerWriter } from '../../src/avro/index.ts'
import { skyOf } from '../../src/generator/sky.ts'
import { pointingOf, visitOf } from '../../src/generator/visits.ts'
import { tempDir, usePython } from '../support/stack.ts'
import { surveySchema, visitOfAlerts } from './support.ts'

interface Verdict {
  readonly records: number
  readonly digests: readonly string[]
  readonly faults: readonly string[]
  readonly figures: { readonly worstWcs: number, readonly peaks: number, readonly pullMean: number, readonly pullDeviation: number, readonly errorRatio: number }
}

async function judge (python: string, script: string, args: readonly string[], input = ''): Promise<unknown> {
  const child = spawn(python, [fileURLToPath(new URL(script, import.meta.url)), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (out === '') throw new Error(`${script} failed: ${err}`)
  return JSON.parse(out)
}

await t.test('fastavro and astropy accept every alert and find in its images what its fields say', async t => {
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
    const verdict = await judge(python, 'judge_alerts.py', [path]) as Verdict
    t.comment(version, verdict.figures)
    t.equal(verdict.records, alerts.length, version)
    t.same(verdict.faults, [], 'no faults')
    t.same(verdict.digests, digests, 'fastavro encodes the same bytes')
    t.ok(verdict.figures.worstWcs < 1e-3, `WCS within ${verdict.figures.worstWcs} pixels`)
    if (count < 100) continue
    t.ok(verdict.figures.peaks > 3, 'bright sources were looked at')
    t.ok(Math.abs(verdict.figures.pullMean) < 0.35, `photometry is unbiased: ${verdict.figures.pullMean} sigma`)
    t.ok(verdict.figures.pullDeviation > 0.8 && verdict.figures.pullDeviation < 1.2, `the noise is as large as UNCERT says: ${verdict.figures.pullDeviation}`)
    t.ok(verdict.figures.errorRatio > 0.85 && verdict.figures.errorRatio < 1.15, `psfFluxErr is the photometry's: ${verdict.figures.errorRatio}`)
  }
})

await t.test('the field is 3.5 degrees wide and the local WCS holds over a detector', async t => {
  const cases = []
  for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
    const pointing = pointingOf(1, visitOf(1, index))
    for (const detector of [0, 8, 31, 94, 150, 180, 188]) {
      for (const [dx, dy] of [[100, 0], [0, 100], [-70, 70]] as const) {
        cases.push({ pointing, here: skyOf(pointing, detector, 2000, 1000), there: skyOf(pointing, detector, 2000 + dx, 1000 + dy), dx, dy })
      }
    }
  }
  const verdict = await judge(await usePython(t), 'judge_sky.py', [], JSON.stringify(cases)) as { worstPixels: number, widestDegrees: number }
  t.ok(verdict.worstPixels < 0.15, `off by ${verdict.worstPixels} pixels at a distance of 100`)
  t.ok(verdict.widestDegrees > 1.5 && verdict.widestDegrees < 2.1, `widest ${verdict.widestDegrees} degrees`)
})
