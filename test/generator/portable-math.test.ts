import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { atan2, cos, exp, ln, power, sin } from '../../src/generator/portable-math.ts'

const folder = new URL('../../src/generator/', import.meta.url)

await t.test('elementary functions agree with those of Math within a relative error of 1e-14', async t => {
  let worst = 0
  const compare = (actual: number, expected: number): void => {
    worst = Math.max(worst, Math.abs(actual - expected) / Math.max(1, Math.abs(expected)))
  }
  for (let i = -2000; i <= 2000; i++) {
    const x = i * 0.01237
    compare(exp(x) / Math.exp(x), 1)
    compare(sin(x), Math.sin(x))
    compare(cos(x), Math.cos(x))
    compare(ln(Math.exp(x)), x)
    compare(power(7.5, x / 10) / Math.pow(7.5, x / 10), 1)
    for (const y of [-3, -0.2, 0, 1e-9, 0.7, 12]) compare(atan2(y, x), Math.atan2(y, x))
  }
  t.ok(worst < 1e-14, `largest relative error: ${worst}`)
})

// ECMAScript defines the results of these Math functions exactly.
const EXACT = ['sqrt', 'fround', 'imul', 'floor', 'ceil', 'round', 'trunc', 'abs', 'min', 'max']

await t.test('the generator uses no function with an engine-dependent result', async t => {
  const files = (await readdir(folder)).filter(name => name.endsWith('.ts'))
  t.ok(files.length > 10)
  for (const name of files) {
    const code = (await readFile(new URL(name, folder), 'utf8')).replace(/\/\/.*|\/\*[^]*?\*\//g, '')
    const used = [...code.matchAll(/\bMath\.([a-z]\w*)/g)].map(match => match[1]!)
    t.same(used.filter(one => !EXACT.includes(one)), [], `inexact functions in ${name}`)
    t.notMatch(code, /\*\*|Date\.now|new Date\(\)|Math\.random/, `${name} uses no **, clock or Math.random`)
  }
})
