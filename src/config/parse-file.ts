// Reads the YAML of a configuration file, whose rules file.ts describes. Apart from file.ts, because only a process with --config needs the
// package yaml.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type YAMLMap } from 'yaml'
import { usageErrors } from './errors.ts'
import type { ConfigFile, Entry } from './file.ts'

const yamlProblems: Partial<Record<string, string>> = {
  DUPLICATE_KEY: 'duplicate key', MULTIPLE_DOCS: 'the file must contain a single YAML document'
}

/** Returns no entries for an empty file. Error: USAGE_CONFIG_FILE. */
export function parseConfigFile (text: string, path: string): ConfigFile {
  const lineCounter = new LineCounter()
  const at = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const document = parseDocument(text, { lineCounter, version: '1.2', prettyErrors: false, stringKeys: true })
  for (const problem of [...document.errors, ...document.warnings]) {
    throw usageErrors.USAGE_CONFIG_FILE(yamlProblems[problem.code] ?? `invalid YAML: ${problem.message}`, { where: at(problem.pos[0]) })
  }
  const root = document.contents
  if (root === null || (isScalar(root) && root.value === null)) return { path, entries: [] }
  if (!isMap(root)) {
    throw usageErrors.USAGE_CONFIG_FILE('the file must be a mapping of flags to values', {
      where: at(root.range?.[0] ?? 0), hint: 'Write lines such as "broker: localhost:9092".'
    })
  }
  return { path, entries: entriesOf(root, document, at) }
}

function entriesOf (map: YAMLMap, document: Document, at: (offset: number) => string): Entry[] {
  return map.items.map(({ key: keyNode, value: valueNode }) => {
    const key = isScalar(keyNode) ? String(keyNode.value) : ''
    const where = at(isScalar(keyNode) ? keyNode.range?.[0] ?? 0 : 0)
    const resolved = (node: unknown): unknown => {
      if (!isAlias(node)) return node
      const target = node.resolve(document)
      if (target === undefined) throw usageErrors.USAGE_CONFIG_FILE(`alias *${node.source} has no anchor`, { where })
      return target
    }
    const value = resolved(valueNode)
    if (isMap(value)) return { key, where, shape: 'mapping', values: [], entries: entriesOf(value, document, at) }
    const nodes = (isSeq(value) ? value.items : [value]).map(resolved)
    const plain = nodes.every(node => isScalar(node) && node.value !== null)
    const shape = isSeq(value) ? plain ? 'list' : 'nested' : plain ? 'value' : 'empty'
    return { key, where, shape, values: nodes.map(node => isScalar(node) ? node.source ?? String(node.value) : ''), entries: [] }
  })
}
