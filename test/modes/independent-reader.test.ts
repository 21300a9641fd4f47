// The wire format judged from outside: a Python consumer decodes what play-stream published and finds the generated alerts, byte for byte.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { surveySchema } from '../generator/support.ts'
import { runCli, tempDir, uniqueName, usePython, useStack } from '../support/stack.ts'
import { Program } from './support.ts'

const stack = await useStack(t)
const python = await usePython(t)
const program = new Program(stack)
const run = promisify(execFile)

async function judge (topic: string, file: string): Promise<unknown> {
  const { stdout } = await run(python, [join(import.meta.dirname, 'judge.py'), stack.kafka, topic, stack.registry, file], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

for (const version of ['11.1', '7.4']) {
  await t.test(`generated alerts of ${version} come out of the simulated topic as they were generated, and fastavro's bytes are ours`, async t => {
    const file = join(await tempDir(t), 'visit.avro')
    const [subject, fixed, simulated] = ['alert-packet', 'static', 'simulated'].map(uniqueName) as [string, string, string]
    const { id } = await createRegistryClient({ url: stack.registry }).register(subject, (await surveySchema(version)).text)
    t.match(await runCli(['generate', file, '--visits', '2', '--alerts', '20', '--schema-version', version]), { code: 0 })
    t.match(await program.run('create-stream', [file, '--dst-topic', fixed, '--subject', subject, '--schema-version', version]), { code: 0 })
    t.match(await program.run('play-stream', ['--src-topic', fixed, '--dst-topic', simulated, '--create-dst-topic', '--repeat-interval', '-1', '--burst']), { code: 0 })
    t.strictSame(await judge(simulated, file), { messages: 40, alerts: 40, equal: 40, reencoded: 40, schemas: [id], missing: 0, problems: [] })
  })
}
