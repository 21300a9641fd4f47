// Describes a graph as data, and renders the description as Mermaid, Graphviz DOT or JSON.
import { isSink, type BatchLimits, type GraphSpec, type NodeSpec } from './spec.ts'

interface NodeDescription {
  readonly name: string
  /** `external`: a store that a step writes to as a side effect. The runner keeps no stats for the store. */
  readonly type: NodeSpec['type'] | 'dead-letters' | 'external'
  /** Kind of the part, such as `kafka group` or `file store`. */
  readonly kind: string
  readonly detail?: string
  /** Limits that the runner enforces: concurrency, credits, batch size. */
  readonly limits: Readonly<Record<string, number>>
}

interface EdgeDescription {
  readonly from: string
  readonly to: string
  /** `failure`: records that node `from` cannot process; `side-effect`: writes of step `from` to a store. */
  readonly type: 'data' | 'failure' | 'side-effect'
}

export interface GraphDescription {
  readonly graph: string
  readonly nodes: readonly NodeDescription[]
  readonly edges: readonly EdgeDescription[]
}

export type GraphFormat = 'mermaid' | 'dot' | 'json'

export function describe (graph: GraphSpec): GraphDescription {
  const nodes = graph.nodes.map(describeNode)
  const edges = graph.nodes.flatMap((node): EdgeDescription[] => 'input' in node ? [{ from: node.input, to: node.name, type: 'data' }] : [])
  for (const node of graph.nodes) {
    if (node.type !== 'step' || node.writes === undefined) continue
    const { name: from, writes } = node
    if (!nodes.some(node => node.name === writes.name)) nodes.push({ name: writes.name, type: 'external', ...labels(writes), limits: {} })
    edges.push({ from, to: writes.name, type: 'side-effect' })
  }
  const { deadLetters } = graph
  if (deadLetters !== undefined) {
    nodes.push({ name: deadLetters.name, type: 'dead-letters', ...labels(deadLetters.part), limits: {} })
    for (const node of graph.nodes) {
      if (node.type === 'step' || isSink(node)) edges.push({ from: node.name, to: deadLetters.name, type: 'failure' })
    }
  }
  return { graph: graph.name, nodes, edges }
}

function describeNode (node: NodeSpec): NodeDescription {
  const { name, type } = node
  switch (node.type) {
    case 'source': return { name, type, ...labels(node.part), limits: { credits: node.credits.records, creditBytes: node.credits.bytes } }
    case 'sink': return { name, type, ...labels(node.part), limits: { concurrency: node.concurrency } }
    case 'batch-sink': return { name, type, ...labels(node.part), limits: { concurrency: node.concurrency, ...batchLimits(node.limits) } }
    case 'step': return { name, type, ...labels({ ...node, kind: node.kind ?? node.emits }), limits: { concurrency: node.concurrency } }
    case 'flow': return { name, type, ...labels({ ...node, kind: node.kind ?? 'flow' }), limits: {} }
    case 'batch': return { name, type, kind: 'batch', limits: batchLimits(node.limits) }
  }
}

function labels ({ kind, detail }: { readonly kind: string, readonly detail?: string | undefined }): { kind: string, detail?: string } {
  return detail === undefined ? { kind } : { kind, detail }
}

function batchLimits ({ count, bytes, ms }: BatchLimits): Record<string, number> {
  return { batch: count, ...bytes === undefined ? {} : { batchBytes: bytes }, ...ms === undefined ? {} : { batchMs: ms } }
}

/** Returns text that ends with a newline. */
export function render (description: GraphDescription, format: GraphFormat): string {
  switch (format) {
    case 'json': return JSON.stringify(description, null, 2) + '\n'
    case 'mermaid': return mermaid(description)
    case 'dot': return dot(description)
  }
}

function boxLines (node: NodeDescription): string[] {
  const limits = Object.entries(node.limits)
    .filter(([name, value]) => !(name === 'concurrency' && value === 1))
    .map(([name, value]) => `${name} ${value}`)
  const labels = node.detail === undefined ? node.kind : `${node.kind}: ${node.detail}`
  return [node.name, labels, ...limits.length === 0 ? [] : [limits.join(', ')]]
}

const cylinder = ['[(', ')]'] as const
const mermaidBoxes: Record<NodeDescription['type'], readonly [string, string]> = {
  source: ['([', '])'], step: ['[', ']'], flow: ['[', ']'], batch: ['[[', ']]'],
  sink: cylinder, 'batch-sink': cylinder, 'dead-letters': cylinder, external: cylinder
}
const mermaidArrows: Record<EdgeDescription['type'], string> = { data: '-->', failure: '-.->', 'side-effect': '-- writes -->' }
const mermaidKeywords = /^(end|graph|subgraph|flowchart|style|class|classdef|linkstyle|click|call|href|default|direction|interpolate)(-|$)/

function mermaid (description: GraphDescription): string {
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  // A Mermaid keyword cannot be an identifier, so the identifier gets a suffix. The box shows the node's name without the suffix.
  const id = (name: string): string => mermaidKeywords.test(name) ? `${name}_` : name
  const out = ['flowchart LR']
  for (const node of description.nodes) {
    const [open, close] = mermaidBoxes[node.type]
    out.push(`  ${id(node.name)}${open}"${boxLines(node).map(escape).join('<br/>')}"${close}`)
  }
  for (const edge of description.edges) out.push(`  ${id(edge.from)} ${mermaidArrows[edge.type]} ${id(edge.to)}`)
  return out.join('\n') + '\n'
}

const dotShapes: Record<NodeDescription['type'], string> = {
  source: 'ellipse', step: 'box', flow: 'box', batch: 'box3d',
  sink: 'cylinder', 'batch-sink': 'cylinder', 'dead-letters': 'cylinder', external: 'cylinder'
}
const dotEdges: Record<EdgeDescription['type'], string> = { data: '', failure: ' [style=dashed]', 'side-effect': ' [label="writes"]' }

function dot (description: GraphDescription): string {
  const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
  const out = [`digraph ${quote(description.graph)} {`, '  rankdir=LR;']
  for (const node of description.nodes) {
    out.push(`  ${quote(node.name)} [shape=${dotShapes[node.type]}, label=${quote(boxLines(node).join('\n'))}];`)
  }
  for (const edge of description.edges) out.push(`  ${quote(edge.from)} -> ${quote(edge.to)}${dotEdges[edge.type]};`)
  return [...out, '}'].join('\n') + '\n'
}
