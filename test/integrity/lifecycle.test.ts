// The end of a run: the run ends promptly, all records settle, and all parts are closed.
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { createGraph, type NodeContext, type Source, type SourceRecord } from '../../src/pipeline/index.ts'
import { drive, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { failureOf, Numbers, testErrors, turns, until } from '../support/pipeline.ts'

await t.test('a drain ends an idle source promptly by calling return()', async t => {
  let returned = 0
  const source: Source<number> = {
    kind: 'idle',
    records: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<SourceRecord<number>>>(() => {}),
        return: async () => { returned++; return { done: true as const, value: undefined } }
      })
    })
  }
  const builder = createGraph('g')
  builder.source('idle', source).to('sink', new RecordingSink<number>())
  const run = builder.build().run()
  await until(() => run.state === 'running')
  await turns()
  await run.drain()
  t.equal(returned, 1)
  t.equal(run.state, 'stopped')
})

await t.test('a drain while the source waits for credit ends when all records in flight have settled', async t => {
  const builder = createGraph('g')
  builder.source<number>('numbers', { kind: 'none', async * records () {} }, { records: 2 }).to('sink', new RecordingSink<number>())
  const driver = drive(builder.build())
  const source = driver.source<number>('numbers')
  driver.sink('sink').hold()
  for (let n = 0; n < 5; n++) void source.push(n)
  await until(() => source.pulled === 2)
  await turns()
  const drained = driver.run.drain()
  driver.sink('sink').release()
  await drained
  t.same(driver.sink('sink').values, [0, 1])
  t.equal(source.outcomes.length, 2)
})

await t.test('a source is flushed after its last record has settled and before the source is closed', async t => {
  const calls: string[] = []
  const builder = createGraph('g')
  builder.source<number>('numbers', {
    kind: 'noted',
    async * records (_: NodeContext) { for (let n = 0; n < 3; n++) yield { value: n, bytes: 1, position: String(n) } },
    settled: ({ position }) => calls.push(`settled ${position}`),
    flush: async () => { calls.push('flush') },
    close: async () => { calls.push('close source') }
  }).to('sink', { kind: 'noted', write: () => turns(1), close: async () => { calls.push('close sink') } })
  await builder.build().run().done
  t.same(calls, ['settled 0', 'settled 1', 'settled 2', 'flush', 'close source', 'close sink'])
})

await t.test('after a failure, no part is called for any further record', async t => {
  const begun: number[] = []
  const numbers = new Numbers(100)
  const builder = createGraph('g')
  builder.source('numbers', numbers).step('one-at-a-time', async n => {
    begun.push(n)
    await turns(1)
    if (n === 3) throw testErrors.TEST_BAD_RECORD('bad')
    return n
  }).to('sink', new RecordingSink<number>())
  await failureOf(builder.build().run().done)
  t.same(begun, [0, 1, 2, 3])
  t.equal(numbers.settlements.size, numbers.pulled)
})

await t.test('a failed run causes no unhandled rejection, even if no caller awaits `done`', async t => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => { unhandled.push(reason) }
  process.on('unhandledRejection', note)
  const fail = async (): Promise<never> => { await turns(1); throw testErrors.TEST_SERVER_DOWN('down') }
  const declare = (failing?: string) => {
    const failIf = async (where: string): Promise<void> => { if (failing === where) await fail() }
    const builder = createGraph('g', {
      deadLetters: { kind: 'dead letters', write: () => failIf('dead letter') },
      retry: { attempts: 2, baseMs: 0, maxMs: 0 }
    })
    builder.source('numbers', {
      kind: 'numbers',
      open: () => failIf('open'),
      async * records () {
        for (let n = 0; n < 20; n++) yield { value: n, bytes: 1, position: '' }
        await failIf('records')
      },
      flush: () => failIf('flush'),
      close: () => failIf('close')
    }).step('step', async n => {
      await failIf('step')
      if (failing === 'dead letter') throw testErrors.TEST_BAD_RECORD('bad')
      return n
    }, { concurrency: 5 })
      .to('sink', { kind: 'sink', write: async () => { await turns(1); await failIf('write') } }, { concurrency: 5 })
    return builder.build()
  }
  for (const where of ['open', 'records', 'step', 'write', 'dead letter', 'flush', 'close']) {
    const run = declare(where).run()
    await until(() => run.state === 'failed' || run.state === 'stopped')
    t.equal(run.state, where === 'close' ? 'stopped' : 'failed', `state after a failure in ${where}`)
  }
  const aborted = declare().run()
  void aborted.drain({ deadlineMs: 1e6 })
  void aborted.abort()
  await until(() => aborted.state === 'failed')
  await turns()
  process.off('unhandledRejection', note)
  t.same(unhandled, [])
})

// Each program must exit by itself, but not before all parts are closed. No timer, listener or promise may keep the program alive.
const library = new URL('../../src/pipeline/index.ts', import.meta.url).href
const programs: Record<string, string> = {
  'a run that ends': 'await start().done; print("end")',
  'a drain of an idle run with a distant deadline':
    'const run = start({ idle: true }); await later(); await run.drain({ deadlineMs: 1e8 }); print("end")',
  'a failure while other records wait for a retry': 'await start({ fails: true }).done.catch(error => print(error.code)); print("end")',
  'an abort of an idle run':
    'const run = start({ idle: true }); await later(); await run.abort().catch(error => print(error.code)); print("end")',
  'a source that ignores the drain': 'const run = start({ stubborn: true }); await later(); await run.drain(); print("end")'
}
for (const [name, body] of Object.entries(programs)) {
  await t.test(`the process ends by itself, with all parts closed, after ${name}`, async t => {
    const program = `
      import { createGraph, defineErrors } from ${JSON.stringify(library)}
      const errors = defineErrors({ DOWN: { hint: '', retryable: true }, BAD: { hint: '' } })
      const print = text => process.stdout.write(text + '\\n')
      const later = () => new Promise(resolve => setTimeout(resolve, 20))
      function start ({ idle = false, fails = false, stubborn = false } = {}) {
        const builder = createGraph('g', { retry: { attempts: 9, baseMs: 1e8, maxMs: 1e8 } })
        builder.source('numbers', {
          kind: 'n', close: async () => print('source closed'),
          async * records ({ drain }) {
            for (let n = 0; n < 5; n++) yield { value: n, bytes: 1, position: '' }
            if (idle) await new Promise(resolve => drain.addEventListener('abort', resolve))
            if (stubborn) await new Promise(() => {})
          }
        }).batch('batches', { count: 2, ms: 1e8 }).to('sink', {
          kind: 's', close: async () => print('sink closed'),
          async write (batch) { if (fails) throw batch[0] === 4 ? errors.BAD('bad') : errors.DOWN('down') }
        }, { concurrency: 9 })
        return builder.build().run()
      }
      ${body}`
    const options = { encoding: 'utf8', timeout: 60_000 } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options)
    t.equal(status, 0, stderr)
    t.match(stdout, 'source closed\nsink closed\n')
    t.match(stdout, /end\n$/)
  })
}
