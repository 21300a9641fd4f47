// The wire format, checked by a Python consumer that shares no code with this program.
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

async function readIndependently (topic: string, file: string): Promise<unknown> {
  const script = join(import.meta.dirname, 'independent_reader.py')
  const { stdout } = await run(python, [script, stack.kafka, topic, stack.registry, file], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

for (const version of ['11.1', '7.4']) {
  await t.test(`a Python consumer decodes alerts of schema ${version}, and fastavro encodes the alerts to the same bytes`, async t => {
    const file = join(await tempDir(t), 'visit.avro')
    const [subject, source, simulated] = ['alert-packet', 'static', 'simulated'].map(uniqueName) as [string, string, string]
    const { id } = await createRegistryClient({ url: stack.registry }).register(subject, (await surveySchema(version)).text)
    t.match(await runCli(['generate', file, '--visits', '2', '--alerts', '20', '--schema-version', version]), { code: 0 })
    const create = [file, '--dst-topic', source, '--subject', subject, '--schema-version', version]
    t.match(await program.run('create-stream', create), { code: 0 })
    const play = ['--src-topic', source, '--dst-topic', simulated, '--create-dst-topic', '--repeat-interval', '-1', '--burst']
    t.match(await program.run('play-stream', play), { code: 0 })
    t.strictSame(await readIndependently(simulated, file), {
      messages: 40, alerts: 40, equal: 40, reencoded: 40, schemas: [id], missing: 0, problems: []
    })
  })
}
