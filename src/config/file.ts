// The YAML configuration file: flags by name at the top level, for every mode that has them, and a section for each mode. YAML 1.2, one
// document, no key twice, no tags; values are taken as they are written (11.10 stays 11.10) and go through the same checks as flags.
// Secrets are refused: such a file often is a ConfigMap, or lies in a repository.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type YAMLMap } from 'yaml'
import { flagNames, type CommandLine } from './argv.ts'
import { usageErrors } from './errors.ts'
import { environmentName, type Flags } from './flags.ts'
import { didYouMean } from './nearest.ts'

/** A flag's value in the file. */
export interface FileValue {
  /** As written: the flag's name or an alias. */
  readonly key: string
  /** The items of a list, one text else. */
  readonly values: readonly string[]
  /** `path:line:column` of the key. */
  readonly where: string
}

/** The flag that names the file, and a mode's name too: neither is a key of the file. */
const FILE_FLAG = 'config'

interface Entry extends FileValue {
  readonly shape: 'value' | 'list' | 'nothing' | 'mapping' | 'nested'
  /** Of a mapping. */
  readonly entries: readonly Entry[]
}

/** What a file says, without regard to which modes and flags there are. */
export interface ConfigFile {
  readonly path: string
  readonly entries: readonly Entry[]
}

/** Error: USAGE_CONFIG_FILE. An empty file is one that sets nothing. */
export function parseConfigFile (text: string, path: string): ConfigFile {
  const lineCounter = new LineCounter()
  const at = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const document = parseDocument(text, { lineCounter, version: '1.2', prettyErrors: false, stringKeys: true })
  for (const problem of [...document.errors, ...document.warnings]) {
    throw usageErrors.USAGE_CONFIG_FILE(explain(problem.code) ?? `this is not YAML: ${problem.message}`, { where: at(problem.pos[0]) })
  }
  const root = document.contents
  if (root === null || (isScalar(root) && root.value === null)) return { path, entries: [] }
  if (!isMap(root)) throw usageErrors.USAGE_CONFIG_FILE('the file must be a mapping of flags to values', { where: at(root.range?.[0] ?? 0), hint: 'Write lines such as "broker: localhost:9092".' })
  return { path, entries: entriesOf(root, document, at) }
}

function explain (code: string): string | undefined {
  if (code === 'DUPLICATE_KEY') return 'this key is there already'
  if (code === 'MULTIPLE_DOCS') return 'the file must hold one document'
  return undefined
}

function entriesOf (map: YAMLMap, document: Document, at: (offset: number) => string): Entry[] {
  return map.items.map(({ key: keyNode, value: valueNode }) => {
    const key = isScalar(keyNode) ? String(keyNode.value) : ''
    const where = at(isScalar(keyNode) ? keyNode.range?.[0] ?? 0 : 0)
    const resolved = (node: unknown): unknown => {
      if (!isAlias(node)) return node
      const target = node.resolve(document)
      if (target === undefined) throw usageErrors.USAGE_CONFIG_FILE(`*${node.source} refers to nothing`, { where })
      return target
    }
    const value = resolved(valueNode)
    if (isMap(value)) return { key, where, shape: 'mapping', values: [], entries: entriesOf(value, document, at) }
    const items = (isSeq(value) ? value.items : [value]).map(resolved)
    const shape = isSeq(value) ? items.every(item => isScalar(item) && item.value !== null) ? 'list' : 'nested' : isScalar(value) && value.value !== null ? 'value' : 'nothing'
    return { key, where, shape, values: items.map(item => isScalar(item) ? item.source ?? String(item.value) : ''), entries: [] }
  })
}

/** What the file says of a mode's flags, by the flag's own name. Errors: USAGE_UNKNOWN_KEY, USAGE_BAD_VALUE, USAGE_CONFIG_FILE. */
export function valuesFor (command: CommandLine<Flags>, file: ConfigFile): Map<string, FileValue> {
  const names = flagNames(command.flags)
  const section = file.entries.find(({ key, shape }) => key === command.mode && key !== FILE_FLAG && (shape === 'mapping' || shape === 'nothing'))
  for (const { key, where } of section?.entries ?? []) if (!names.has(key)) throw unknownKey(`'${key}' is not a flag of ${command.mode}`, key, [...names.keys()], where)
  const shared = file.entries.filter(entry => entry !== section && names.has(entry.key))
  return new Map([...takeLevel(command, names, shared), ...takeLevel(command, names, section?.entries ?? [])])
}

function takeLevel (command: CommandLine<Flags>, names: ReadonlyMap<string, string>, entries: readonly Entry[]): Map<string, FileValue> {
  const taken = new Map<string, FileValue>()
  for (const entry of entries) {
    const { key, where, shape } = entry
    const name = names.get(key) as string
    const earlier = taken.get(name)
    if (earlier !== undefined) throw usageErrors.USAGE_CONFIG_FILE(`${key} and ${earlier.key} are the same flag`, { where, hint: 'Keep one of the two.' })
    const spec = command.flags[name]
    refuseUnfit(name, command.flags, where)
    const refuse = (what: string): Error => usageErrors.USAGE_BAD_VALUE(`${key} ${what}`, { where })
    if (shape === 'nothing') throw usageErrors.USAGE_MISSING(`${key} has no value`, { where, hint: 'Give one, or leave the line out for the default.' })
    if (shape === 'mapping' || shape === 'nested') throw refuse(spec?.type === 'list' ? 'must be a list of texts' : 'must be one value')
    if (shape === 'list' && spec?.type !== 'list') throw refuse('must be one value, not a list')
    taken.set(name, entry)
  }
  return taken
}

// What no file may say, whichever mode reads it.
function refuseUnfit (name: string, flags: Flags, where: string): void {
  if (name === FILE_FLAG) throw usageErrors.USAGE_BAD_VALUE('a configuration file cannot name another one', { where, hint: 'Give one file; sections for the modes can be in it.' })
  if (flags[name]?.secret !== true) return
  const file = `${name}-file`
  throw usageErrors.USAGE_BAD_VALUE(`${name} is a secret, which a configuration file cannot hold`, {
    where, hint: `Set ${environmentName(name)}${file in flags ? `, or give the file that holds it with ${file}` : ''}.`
  })
}

/**
 * Refuses what no mode knows: a section that is no mode's, a top-level key that is no flag. Sections of other modes are not looked into: they
 * are checked when their mode runs. Errors: USAGE_UNKNOWN_KEY, USAGE_BAD_VALUE, USAGE_CONFIG_FILE.
 * @param others the flags of all modes; asked for only where this mode does not know a key
 */
export async function checkKeys (file: ConfigFile, command: CommandLine<Flags>, modes: readonly string[], others: () => Promise<readonly Flags[]>): Promise<void> {
  const own = flagNames(command.flags)
  const isSection = ({ key, shape }: Entry): boolean => modes.includes(key) && (shape === 'mapping' || shape === 'nothing')
  const unknown = file.entries.filter(entry => !isSection(entry) && !own.has(entry.key))
  if (unknown.length === 0) return
  const tables = await others()
  for (const { key, where } of unknown) {
    const table = tables.find(flags => flagNames(flags).has(key))
    if (table !== undefined) refuseUnfit(flagNames(table).get(key) as string, table, where)
    else if (modes.includes(key)) throw usageErrors.USAGE_BAD_VALUE(`${key} is a mode: it takes a mapping of that mode's flags`, { where })
    else throw unknownKey(`'${key}' is neither a flag of any mode nor a mode`, key, [...tables.flatMap(flags => [...flagNames(flags).keys()]), ...modes], where)
  }
}

function unknownKey (what: string, key: string, known: readonly string[], where: string): Error {
  return usageErrors.USAGE_UNKNOWN_KEY(what + didYouMean(key, known), { where })
}
