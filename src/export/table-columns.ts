// The tables of a schema: one for each record in an alert, and one for each list of records. Images are left out.
import type { RecordNode, SchemaNode } from '../avro/schema-tree.ts'

type ColumnType = 'BOOLEAN' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'STRING' | 'BYTES'

export interface TableColumn {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
}

interface Table {
  readonly name: string
  /** Field of the alert. */
  readonly field: string
  readonly isList: boolean
  /** Fields of the record that become columns. */
  readonly columns: readonly TableColumn[]
}

export interface Tables {
  /** The triggering source, with a row for each alert. */
  readonly source: Table
  /** Fields of the alert itself that are columns of the triggering source. */
  readonly alertColumns: readonly TableColumn[]
  readonly others: readonly Table[]
}

/** Column of each table. */
export const alertIdColumn: TableColumn = { name: 'alertId', type: 'INT64', nullable: false }

const sourceField = 'diaSource'
/** Names that do not follow from the name of the field. */
const tableNames: Readonly<Record<string, string>> = {
  prvDiaSources: 'prv_dia_source', prvDiaForcedSources: 'prv_dia_forced_source', prvDiaNondetectionLimits: 'prv_dia_nondetection_limit',
  MPCORB: 'mpcorb'
}
const types: Partial<Record<SchemaNode['kind'], ColumnType>> = {
  boolean: 'BOOLEAN', int: 'INT32', long: 'INT64', float: 'FLOAT', double: 'DOUBLE', string: 'STRING', enum: 'STRING', bytes: 'BYTES',
  fixed: 'BYTES'
}

export function tablesOf (root: RecordNode): Tables {
  const tables = root.fields.flatMap(({ name: field, type }): Table[] => {
    const { node, nullable } = withoutNull(type)
    const isList = node.kind === 'array'
    const record = isList ? withoutNull(node.items).node : node
    if (record.kind !== 'record') return []
    // An alert without a source has a row too, without values.
    const columns = columnsOf(record).map(column => nullable && field === sourceField ? { ...column, nullable } : column)
    return [{ name: tableName(field), field, isList, columns }]
  })
  const source = tables.find(({ field, isList }) => field === sourceField && !isList) ??
    { name: tableName(sourceField), field: sourceField, isList: false, columns: [] }
  const known = new Set([alertIdColumn, ...source.columns].map(({ name }) => name))
  const alertColumns = columnsOf(root).filter(({ name, type }) => type !== 'BYTES' && !known.has(name))
  return { source, alertColumns, others: tables.filter(table => table !== source) }
}

/** A column for each field with a simple type. Fields with other types, and a field with the name of the column of ids, are left out. */
function columnsOf ({ fields }: RecordNode): TableColumn[] {
  return fields.flatMap(({ name, type }): TableColumn[] => {
    const { node, nullable } = withoutNull(type)
    const column = types[node.kind]
    return column === undefined || name === alertIdColumn.name ? [] : [{ name, type: column, nullable }]
  })
}

function withoutNull (node: SchemaNode): { readonly node: SchemaNode, readonly nullable: boolean } {
  if (node.kind !== 'union') return { node, nullable: false }
  const others = node.branches.filter(({ kind }) => kind !== 'null')
  return { node: others.length === 1 ? others[0]! : node, nullable: true }
}

function tableName (field: string): string {
  return tableNames[field] ?? field.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
