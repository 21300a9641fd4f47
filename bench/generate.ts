// Measures the alert generator, with and without Avro encoding, for schemas 11.1 and 7.4 and both profiles.
import { createAlertGenerator } from '../src/generator/alert-generator.ts'
import type { ProfileName } from '../src/generator/profiles.ts'
import { bench, type Bench } from './harness.ts'
import { schemaVersion } from './support.ts'

const SIZES = { alerts: { full: 5000, quick: 200 } } as const

type Sizes = Bench<typeof SIZES>

const row = (version: string, encode: boolean, profile: ProfileName = 'design') => async ({ sizes, warmUp, measure }: Sizes) => {
  const schema = await schemaVersion(version)
  const generator = createAlertGenerator({ schema: JSON.parse(schema.text), schemaVersion: schema.version, seed: 1, profile })
  const run = (count: number): number => {
    let bytes = 0
    for (let index = 0; index < count; index++) {
      const alert = generator.alert(0, index, count)
      bytes += encode ? schema.schema.encode(alert).length : 0
    }
    return bytes
  }
  await warmUp(() => run(50))
  return measure(() => ({ alerts: sizes.alerts, bytes: run(sizes.alerts) }))
}

await bench('generate', SIZES, {
  'records, schema 11.1': row('11.1', false),
  'records and Avro, schema 11.1': row('11.1', true),
  'records and Avro, schema 7.4': row('7.4', true),
  'records and Avro, rubin-2026': row('11.1', true, 'rubin-2026')
})
