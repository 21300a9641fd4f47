import t from 'tap'
import { spawnSync } from 'node:child_process'
import { counts, createGraph, render, type BatchSink, type Sink, type Source } from '../../src/pipeline/index.ts'
import { drive, RecordingDeadLetters } from '../../src/pipeline/test-driver.ts'

const topic: Source<number> = { kind: 'topic', detail: 'alerts "new" <1>', async * records () {} }
const store: Sink<number> = { kind: 'file store', async write () {} }
const log: BatchSink<number> = { kind: 'log', async writeBatch () {} }

function graph () {
  const builder = createGraph('archive', { deadLetters: new RecordingDeadLetters() })
  const numbers = builder.source('numbers', topic, { records: 10, bytes: 100 })
  numbers.step('double', n => n * 2, { kind: 'codec', detail: 'x2', concurrency: 4 }).to('end', store)
  numbers.filter('odd', n => n % 2 === 1).toBatches('right', log, { count: 5, ms: 9, bytes: 77 })
  return builder.build()
}

await t.test('the description names every node, its limits and every edge', async t => {
  t.same(graph().describe(), {
    graph: 'archive',
    nodes: [
      { name: 'numbers', type: 'source', kind: 'topic', detail: 'alerts "new" <1>', limits: { credits: 10, creditBytes: 100 } },
      { name: 'double', type: 'step', kind: 'codec', detail: 'x2', limits: { concurrency: 4 } },
      { name: 'end', type: 'sink', kind: 'file store', limits: { concurrency: 1 } },
      { name: 'odd', type: 'step', kind: 'filter', limits: { concurrency: 1 } },
      { name: 'right', type: 'batch-sink', kind: 'log', limits: { concurrency: 1, batch: 5, batchBytes: 77, batchMs: 9 } },
      { name: 'dead-letters', type: 'dead-letters', kind: 'test dead letters', limits: {} }
    ],
    edges: [
      { from: 'numbers', to: 'double', type: 'data' },
      { from: 'double', to: 'end', type: 'data' },
      { from: 'numbers', to: 'odd', type: 'data' },
      { from: 'odd', to: 'right', type: 'data' },
      ...['double', 'end', 'odd', 'right'].map(from => ({ from, to: 'dead-letters', type: 'failure' }))
    ]
  })
})

await t.test('JSON is the description', async t => {
  t.same(JSON.parse(render(graph().describe(), 'json')), graph().describe())
})

await t.test('Mermaid escapes what is shown and keeps clear of its own key words', async t => {
  const text = render(graph().describe(), 'mermaid')
  t.match(text, /^flowchart LR\n/)
  t.match(text, '  numbers(["numbers<br/>topic: alerts &quot;new&quot; &lt;1&gt;<br/>credits 10, creditBytes 100"])\n')
  t.match(text, '  double --> end_\n')
  t.match(text, '  end_[("end<br/>file store")]\n')
  t.match(text, '  odd -.-> dead-letters\n')
})

await t.test('DOT is what Graphviz reads', async t => {
  const text = render(graph().describe(), 'dot')
  t.match(text, '"numbers" -> "double";')
  t.match(text, '\\"new\\"')
  const dot = spawnSync('dot', ['-Tcanon'], { input: text })
  if (dot.error !== undefined) return t.comment('no Graphviz here')
  t.equal(dot.status, 0, dot.stderr.toString())
})

await t.test('a running graph carries its counts', async t => {
  const driver = drive(graph())
  for (const n of [1, 2, 3]) void driver.source<number>('numbers').push(n)
  await driver.finish()
  const readings = driver.run.meters()
  t.match(render(graph().describe(), 'mermaid', readings), 'odd<br/>filter<br/>in 3 out 2 dropped 1')
  t.match(JSON.parse(render(graph().describe(), 'json', readings)), { readings: [{ node: 'numbers', in: 3 }] })
  t.equal(counts({ ...readings[0]!, retried: 1, deadLettered: 2, inFlight: 3 }), 'in 3 out 3 retried 1 dead 2 in flight 3')
})
