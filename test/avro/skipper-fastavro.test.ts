// Compares the skipper with fastavro on random data of random schemas, unchanged and damaged: both accept the same data, except for the
// encodings that the Avro specification excludes and fastavro reads nevertheless.
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseTree } from '../../src/avro/schema-tree.ts'
import { skipper } from '../../src/avro/skipper.ts'
import { encodeLong } from '../../src/avro/varint.ts'
import { seeded } from '../support/pipeline.ts'
import { tempDir, usePython } from '../support/stack.ts'

const python = await usePython(t)
const SCHEMAS = 150
const DATA = 120

/** Encodings that the skipper rejects although fastavro reads them. */
const deviations = {
  'a number has more bytes or bits than its type (fastavro drops the excess, or does not check it)': /has more than (32|64) bits/,
  'a boolean is neither 0 nor 1 (fastavro reads it as true)': /a boolean at/,
  'an index is negative (in Python, it counts from the end)': /has (branch|index) -/,
  'the size of a block is not the size of its items (fastavro does not use it, but a reader that skips the block does)':
    /claims to end at|a length at byte \d+ is (-|\d+, but only)/
}

// Prints, for each schema, a string with one character per datum: 1 if fastavro reads it to its last byte, otherwise 0.
const judge = `
import io, json, sys, fastavro
for line in open(sys.argv[1]):
    case = json.loads(line)
    schema = fastavro.parse_schema(case['schema'])
    out = ''
    for text in case['data']:
        data = bytes.fromhex(text)
        stream = io.BytesIO(data)
        try:
            fastavro.schemaless_reader(stream, schema, None)
            out += '1' if stream.tell() == len(data) else '0'
        except Exception:
            out += '0'
    print(out)
`

const random = seeded(20_260_101)
const upTo = (limit: number): number => Math.floor(random() * limit)
const pick = <T>(list: readonly T[]): T => list[upTo(list.length)]!

type Type = string | readonly Type[] | { readonly type: string, readonly [attribute: string]: unknown }

/** A random type. Items of arrays take at least one byte, because fastavro would loop over claimed items that take none. */
function randomType (depth: number, name: () => string, known: string[], item = false): Type {
  const leaves = ['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string', ...item ? [] : ['null']]
  if (depth === 0) return pick(leaves)
  const inner = (): Type => randomType(depth - 1, name, known, true)
  switch (upTo(9)) {
    case 0: return { type: 'array', items: inner() }
    case 1: return { type: 'map', values: randomType(depth - 1, name, known) }
    case 2: return ['null', inner()].flat() as Type[]
    case 3: return pick([['null', 'float'], ['double', 'null'], ['null', 'long', 'string'], ['int', 'string', 'boolean', 'null']])
    case 4: return { type: 'enum', name: name(), symbols: ['a', 'b', 'c'].slice(0, 1 + upTo(3)) }
    case 5: return { type: 'fixed', name: name(), size: 1 + upTo(5) }
    case 6: return known.length > 0 ? ['null', pick(known)] : pick(leaves)
    default: {
      const own = name()
      known.push(own)
      const fields = [{ name: 'f', type: pick(leaves.slice(0, 7)) }, ...Array.from({ length: upTo(5) }, (_, index) =>
        ({ name: `f${index}`, type: randomType(depth - 1, name, known) }))]
      return { type: 'record', name: own, fields }
    }
  }
}

/** A random value of the type as Avro binary. */
function datumOf (type: Type, named: Map<string, Type>, depth = 0): Buffer {
  const again = (inner: Type): Buffer => datumOf(inner, named, depth + 1)
  if (Array.isArray(type)) {
    const branches = type as readonly Type[]
    const branch = depth > 8 && branches.includes('null') ? branches.indexOf('null') : upTo(branches.length)
    return Buffer.concat([encodeLong(branch), again(branches[branch]!)])
  }
  if (typeof type === 'string') {
    const found = named.get(type)
    return found === undefined ? primitive(type) : again(found)
  }
  const node = type as Exclude<Type, string | readonly Type[]>
  if (typeof node['name'] === 'string') named.set(node['name'], node)
  switch (node.type) {
    case 'enum': return encodeLong(upTo((node['symbols'] as string[]).length))
    case 'fixed': return Buffer.alloc(node['size'] as number, upTo(256))
    case 'record': return Buffer.concat((node['fields'] as Array<{ type: Type }>).map(field => again(field.type)))
    default: {
      const blocks = Array.from({ length: upTo(3) }, () => {
        const count = 1 + upTo(3)
        const items = Buffer.concat(Array.from({ length: count }, () =>
          node.type === 'map' ? Buffer.concat([primitive('string'), again(node['values'] as Type)]) : again(node['items'] as Type)))
        return Buffer.concat(upTo(2) === 0 ? [encodeLong(count), items] : [encodeLong(-count), encodeLong(items.length), items])
      })
      return Buffer.concat([...blocks, encodeLong(0)])
    }
  }
}

function primitive (type: string): Buffer {
  switch (type) {
    case 'null': return Buffer.alloc(0)
    case 'boolean': return Buffer.from([upTo(2)])
    case 'int': return encodeLong(BigInt.asIntN(32, BigInt(Math.floor(random() * 2 ** 32)) >> BigInt(upTo(32))))
    case 'long': return encodeLong(BigInt.asIntN(64, BigInt(Math.floor(random() * 2 ** 53)) << 11n) >> BigInt(upTo(64)))
    case 'float': return Buffer.alloc(4, upTo(256))
    case 'double': return Buffer.alloc(8, upTo(256))
    default: {
      const text = Buffer.from(pick(['', 'g', 'LSST-AP', 'é', '中文 text', 'x'.repeat(70), `${'ü'.repeat(40)}`]))
      return Buffer.concat([encodeLong(text.length), text])
    }
  }
}

function damage (datum: Buffer): Buffer {
  const at = upTo(datum.length + 1)
  switch (upTo(5)) {
    case 0: return datum.subarray(0, at)
    case 1: return Buffer.concat([datum, Buffer.alloc(1 + upTo(3), upTo(256))])
    case 2: return Buffer.concat([datum.subarray(0, at), datum.subarray(at + 1 + upTo(3))])
    case 3: return Buffer.concat([datum.subarray(0, at), Buffer.alloc(1 + upTo(11), pick([0x80, 0xff, upTo(256)])), datum.subarray(at)])
    default: {
      const copy = Buffer.from(datum)
      if (copy.length > 0) copy[upTo(copy.length)] = pick([upTo(256), upTo(6), 0xff])
      return copy
    }
  }
}

await t.test('the skipper and fastavro accept the same random and damaged data', async t => {
  const cases = Array.from({ length: SCHEMAS }, () => {
    let names = 0
    const known: string[] = []
    const name = (): string => `N${names++}`
    const fields = Array.from({ length: 1 + upTo(6) }, (_, index) => ({ name: `f${index}`, type: randomType(3, name, known) }))
    const schema: Type = { type: 'record', name: 'Root', fields: [{ name: 'id', type: 'long' }, ...fields] }
    const data = Array.from({ length: DATA }, (_, index) => {
      let datum = datumOf(schema, new Map())
      for (let count = index % 3; count > 0; count--) datum = damage(datum)
      return datum
    })
    return { schema, data }
  })
  const path = join(await tempDir(t), 'cases')
  const lines = cases.map(({ schema, data }) => JSON.stringify({ schema, data: data.map(datum => datum.toString('hex')) }))
  await writeFile(path, lines.join('\n'))
  const answers = execFileSync(python, ['-c', judge, path], { encoding: 'utf8', maxBuffer: 1 << 24 }).trimEnd().split('\n')
  t.equal(answers.length, SCHEMAS)
  const counts = { accepted: 0, rejected: 0 }
  const seen: Record<string, number> = Object.fromEntries(Object.keys(deviations).map(reason => [reason, 0]))
  for (const [n, { schema, data }] of cases.entries()) {
    const skip = skipper(parseTree(schema))
    for (const [index, datum] of data.entries()) {
      let problem: string | undefined
      try {
        if (skip(datum, 0) !== datum.length) problem = 'the end is elsewhere'
      } catch (error) {
        problem = (error as Error).message
      }
      const accepted = answers[n]![index] === '1'
      if (accepted === (problem === undefined)) {
        counts[accepted ? 'accepted' : 'rejected']++
        continue
      }
      const reason = Object.entries(deviations).find(([, message]) => problem !== undefined && message.test(problem))?.[0]
      if (reason === undefined) t.fail(`${JSON.stringify(schema)} ${datum.toString('hex')}: fastavro ${accepted}, skipper: ${problem}`)
      else seen[reason]!++
    }
  }
  t.comment(counts, seen)
  t.ok(counts.accepted > SCHEMAS * DATA / 3 && counts.rejected > 2000, JSON.stringify(counts))
  for (const [reason, count] of Object.entries(seen)) t.ok(count > 0, `${count}: ${reason}`)
})
