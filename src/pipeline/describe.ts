// A graph as data, and that data as Mermaid, Graphviz DOT or JSON. The same description serves documentation and a running graph: with
// meter readings, each box carries its counts.
import type { NodeStats } from './meter.ts'
import { inputsOf, isSink, type GraphSpec, type NodeSpec } from './spec.ts'

interface NodeDescription {
  readonly name: string
  readonly type: NodeSpec['type'] | 'dead-letters'
  /** What the part is: `kafka group`, `file store`. */
  readonly kind: string
  readonly detail?: string
  /** Limits that the runner keeps: concurrency, credits, batch. */
  readonly limits: Readonly<Record<string, number>>
}

interface EdgeDescription {
  readonly from: string
  readonly to: string
  /** `failure`: taken by records that the node cannot process. */
  readonly type: 'data' | 'failure'
}

export interface GraphDescription {
  readonly graph: string
  readonly nodes: readonly NodeDescription[]
  readonly edges: readonly EdgeDescription[]
}

export type GraphFormat = 'mermaid' | 'dot' | 'json'

export function describe (graph: GraphSpec): GraphDescription {
  const nodes = graph.nodes.map(describeNode)
  const edges = graph.nodes.flatMap(node => inputsOf(node).map((from): EdgeDescription => ({ from, to: node.name, type: 'data' })))
  const letters = graph.deadLetters
  if (letters !== undefined) {
    nodes.push({ name: letters.name, type: 'dead-letters', ...partFacts(letters.part), limits: {} })
    for (const node of graph.nodes) if (node.type === 'step' || isSink(node)) edges.push({ from: node.name, to: letters.name, type: 'failure' })
  }
  return { graph: graph.name, nodes, edges }
}

function describeNode (node: NodeSpec): NodeDescription {
  switch (node.type) {
    case 'source': return { name: node.name, type: node.type, ...partFacts(node.part), limits: { credits: node.credits.records, creditBytes: node.credits.bytes } }
    case 'sink': return { name: node.name, type: node.type, ...partFacts(node.part), limits: { concurrency: node.concurrency } }
    case 'batch-sink': return { name: node.name, type: node.type, ...partFacts(node.part), limits: { concurrency: node.concurrency, ...batchFacts(node.limits) } }
    case 'step': return { name: node.name, type: node.type, ...partFacts({ kind: node.kind ?? node.emits, detail: node.detail }), limits: { concurrency: node.concurrency } }
    case 'flow': return { name: node.name, type: node.type, ...partFacts({ kind: node.kind ?? 'flow', detail: node.detail }), limits: {} }
    case 'batch': return { name: node.name, type: node.type, kind: 'batch', limits: batchFacts(node.limits) }
    case 'merge': return { name: node.name, type: node.type, kind: 'merge', limits: {} }
  }
}

function partFacts (part: { readonly kind: string, readonly detail?: string | undefined }): { kind: string, detail?: string } {
  return part.detail === undefined ? { kind: part.kind } : { kind: part.kind, detail: part.detail }
}

function batchFacts (limits: { readonly count: number, readonly bytes?: number, readonly ms?: number }): Record<string, number> {
  return { batch: limits.count, ...(limits.bytes === undefined ? {} : { batchBytes: limits.bytes }), ...(limits.ms === undefined ? {} : { batchMs: limits.ms }) }
}

/** The description in one of the formats, with each node's counts where readings are given. Ends with a newline. */
export function render (description: GraphDescription, format: GraphFormat, readings: readonly NodeStats[] = []): string {
  switch (format) {
    case 'json': return JSON.stringify(readings.length === 0 ? description : { ...description, readings }, null, 2) + '\n'
    case 'mermaid': return mermaid(description, readings)
    case 'dot': return dot(description, readings)
  }
}

function lines (node: NodeDescription, readings: readonly NodeStats[]): string[] {
  const reading = readings.find(each => each.node === node.name)
  const limits = Object.entries(node.limits).filter(([name, value]) => !(name === 'concurrency' && value === 1)).map(([name, value]) => `${name} ${value}`)
  return [
    node.name,
    node.detail === undefined ? node.kind : `${node.kind}: ${node.detail}`,
    ...(limits.length === 0 ? [] : [limits.join(', ')]),
    ...(reading === undefined ? [] : [counts(reading)])
  ]
}

/** One node's counts in a few words: `in 200 out 199 dead 1`. */
export function counts (reading: NodeStats): string {
  const parts = [`in ${reading.in}`, `out ${reading.out}`]
  if (reading.dropped > 0) parts.push(`dropped ${reading.dropped}`)
  if (reading.retried > 0) parts.push(`retried ${reading.retried}`)
  if (reading.deadLettered > 0) parts.push(`dead ${reading.deadLettered}`)
  if (reading.inFlight > 0) parts.push(`in flight ${reading.inFlight}`)
  return parts.join(' ')
}

function mermaid (description: GraphDescription, readings: readonly NodeStats[]): string {
  const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const boxes: Record<NodeDescription['type'], readonly [string, string]> = {
    source: ['([', '])'], sink: ['[(', ')]'], 'batch-sink': ['[(', ')]'], 'dead-letters': ['[(', ')]'], merge: ['((', '))'],
    step: ['[', ']'], flow: ['[', ']'], batch: ['[[', ']]']
  }
  // Words of Mermaid's own grammar cannot be identifiers; the box still shows the name as it is.
  const id = (name: string): string => /^(end|graph|subgraph|flowchart|style|class|classdef|linkstyle|click|call|href|default|direction|interpolate)(-|$)/.test(name) ? `${name}_` : name
  const out = ['flowchart LR']
  for (const node of description.nodes) {
    const [open, close] = boxes[node.type]
    out.push(`  ${id(node.name)}${open}"${lines(node, readings).map(escape).join('<br/>')}"${close}`)
  }
  for (const edge of description.edges) out.push(`  ${id(edge.from)} ${edge.type === 'data' ? '-->' : '-.->'} ${id(edge.to)}`)
  return out.join('\n') + '\n'
}

function dot (description: GraphDescription, readings: readonly NodeStats[]): string {
  const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
  const shapes: Record<NodeDescription['type'], string> = {
    source: 'ellipse', sink: 'cylinder', 'batch-sink': 'cylinder', 'dead-letters': 'cylinder', merge: 'circle', step: 'box', flow: 'box', batch: 'box3d'
  }
  const out = [`digraph ${quote(description.graph)} {`, '  rankdir=LR;']
  for (const node of description.nodes) out.push(`  ${quote(node.name)} [shape=${shapes[node.type]}, label=${quote(lines(node, readings).join('\n'))}];`)
  for (const edge of description.edges) out.push(`  ${quote(edge.from)} -> ${quote(edge.to)}${edge.type === 'data' ? '' : ' [style=dashed]'};`)
  return [...out, '}'].join('\n') + '\n'
}
