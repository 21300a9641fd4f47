import t from 'tap'
import { spawnSync } from 'node:child_process'
import { createGraph, render, type BatchSink, type Sink, type Source } from '../../src/pipeline/index.ts'
import { RecordingDeadLetters } from '../../src/pipeline/test-driver.ts'

const topic: Source<number> = { kind: 'topic', detail: 'alerts "new" <1>', async * records () {} }
const store: Sink<number> = { kind: 'file store', async write () {} }
const log: BatchSink<number> = { kind: 'log', async writeBatch () {} }
const schemas = { name: 'schemas', kind: 'object store', detail: 'gs://schemas' }

function graph () {
  const builder = createGraph('archive', { deadLetters: new RecordingDeadLetters() })
  builder.source('numbers', topic, { records: 10, bytes: 100 })
    .step('double', n => n * 2, { kind: 'codec', detail: 'x2', concurrency: 4, writes: schemas })
    .step('check', n => n, { writes: schemas })
    .to('end', store)
  builder.source('others', topic, { records: 10, bytes: 100 })
    .filter('odd', n => n % 2 === 1)
    .toBatches('right', log, { count: 5, ms: 9, bytes: 77 })
  return builder.build()
}

await t.test('the description has every node with its limits, every side effect and every edge', async t => {
  t.same(graph().describe(), {
    graph: 'archive',
    nodes: [
      { name: 'numbers', type: 'source', kind: 'topic', detail: 'alerts "new" <1>', limits: { credits: 10, creditBytes: 100 } },
      { name: 'double', type: 'step', kind: 'codec', detail: 'x2', limits: { concurrency: 4 } },
      { name: 'check', type: 'step', kind: 'map', limits: { concurrency: 1 } },
      { name: 'end', type: 'sink', kind: 'file store', limits: { concurrency: 1 } },
      { name: 'others', type: 'source', kind: 'topic', detail: 'alerts "new" <1>', limits: { credits: 10, creditBytes: 100 } },
      { name: 'odd', type: 'step', kind: 'filter', limits: { concurrency: 1 } },
      { name: 'right', type: 'batch-sink', kind: 'log', limits: { concurrency: 1, batch: 5, batchBytes: 77, batchMs: 9 } },
      { name: 'schemas', type: 'external', kind: 'object store', detail: 'gs://schemas', limits: {} },
      { name: 'dead-letters', type: 'dead-letters', kind: 'test dead letters', limits: {} }
    ],
    edges: [
      { from: 'numbers', to: 'double', type: 'data' },
      { from: 'double', to: 'check', type: 'data' },
      { from: 'check', to: 'end', type: 'data' },
      { from: 'others', to: 'odd', type: 'data' },
      { from: 'odd', to: 'right', type: 'data' },
      { from: 'double', to: 'schemas', type: 'side-effect' },
      { from: 'check', to: 'schemas', type: 'side-effect' },
      ...['double', 'check', 'end', 'odd', 'right'].map(from => ({ from, to: 'dead-letters', type: 'failure' }))
    ]
  })
})

await t.test('JSON output contains the whole description', async t => {
  t.same(JSON.parse(render(graph().describe(), 'json')), graph().describe())
})

await t.test('Mermaid output escapes labels and renames nodes whose names are Mermaid keywords', async t => {
  const text = render(graph().describe(), 'mermaid')
  t.match(text, /^flowchart LR\n/)
  t.match(text, '  numbers(["numbers<br/>topic: alerts &quot;new&quot; &lt;1&gt;<br/>credits 10, creditBytes 100"])\n')
  t.match(text, '  check --> end_\n')
  t.match(text, '  end_[("end<br/>file store")]\n')
  t.match(text, '  odd -.-> dead-letters\n')
})

await t.test('the store of a side effect is rendered as a cylinder with an edge from the step', async t => {
  const description = graph().describe()
  t.match(render(description, 'mermaid'), '  schemas[("schemas<br/>object store: gs://schemas")]\n')
  t.match(render(description, 'mermaid'), '  double -- writes --> schemas\n')
  t.match(render(description, 'dot'), '"schemas" [shape=cylinder, label="schemas\\nobject store: gs://schemas"];')
  t.match(render(description, 'dot'), '"double" -> "schemas" [label="writes"];')
})

await t.test('Graphviz accepts the DOT output', async t => {
  const text = render(graph().describe(), 'dot')
  t.match(text, '"numbers" -> "double";')
  t.match(text, '\\"new\\"')
  const dot = spawnSync('dot', ['-Tcanon'], { input: text })
  if (dot.error !== undefined) return t.comment('Graphviz is not installed')
  t.equal(dot.status, 0, dot.stderr.toString())
})
