// A row of another scenario as a subject of a comparison: each round runs the row in a new process.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Line } from '../harness.ts'
import { inFolder, run } from '../support.ts'
import type { Subject } from './comparison.ts'

/** @param row name, or a part of it that no other row has */
export function scenarioSubject (name: string, scenario: string, row: string, ...flags: readonly string[]): Subject {
  return {
    name,
    run: async () => await inFolder(async folder => {
      const json = join(folder, 'row.json')
      const program = join(import.meta.dirname, '..', `${scenario}.ts`)
      await run(process.execPath, [program, '--only', row, '--silent', '--json', json, ...flags])
      const [line] = JSON.parse(readFileSync(json, 'utf8')) as Line[]
      if (line === undefined || !('seconds' in line)) throw new Error(`no result of ${row}: ${JSON.stringify(line)}`)
      return line
    })
  }
}
