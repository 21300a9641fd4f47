// The form `fits`: all fields of an alert as binary tables, and its cutouts as images. The HDUs have the names and the order of those of
// Rubin's Herald (SQR-114): ALERT, DIFFIM, SCIENCE, TEMPLATE, DIASOURCE, FORCEDPHOT, SSSOURCE. Further HDUs of cutouts follow at the end.
import { unqualified, type FieldNode, type RecordNode, type SchemaNode } from '../avro/schema-tree.ts'
import type { AlertValue } from '../avro/schema.ts'
import { formatCard, formatHeader, padToBlock } from '../fits/cards.ts'
import type { Hdu } from '../fits/reader.ts'
import { binaryTable, maxColumns, type Column } from '../fits/table.ts'
import { iauPrefix } from '../ids/alert-id.ts'
import { cutoutIn, cutoutKinds, readCutout, type CutoutKind } from './cutouts.ts'
import { fieldNotes, type FieldNotes } from './field-notes.ts'
import type { FramedAlert } from './framed-alert.ts'
import { recordIn, rowsOf } from './records.ts'

const imageNames: Readonly<Record<CutoutKind, string>> = { difference: 'DIFFIM', science: 'SCIENCE', template: 'TEMPLATE' }
/** Tables with names of their own. Others have the name of their field in capitals. */
const tableNames: Readonly<Record<string, string>> = { prvDiaForcedSources: 'FORCEDPHOT', ssSource: 'SSSOURCE' }
/** Records whose fields are columns of ALERT, if the alert has them. */
const mergedFields = ['diaObject', 'ssObject', 'mpc_orbits']
/** Tables of the triggering source, which is the first row, and of the earlier sources. */
const sourceFields = ['diaSource', 'prvDiaSources']

/** As in Herald's files. */
const rubinCards = [{ keyword: 'TELESCOP', value: 'Rubin Observatory' }, { keyword: 'INSTRUME', value: 'LSSTCam' }]
const intNull = -(2 ** 31)
const longNull = -(2n ** 63n)
const booleanNull = 255
/** Longer names do not fit into a card behind the name of the cutout. */
const maxNameLength = 40

/** Throws DATUM_INVALID, and CUTOUT_DAMAGED if a cutout is not a FITS file. */
export function alertFits ({ schema, schemaId, datum, published }: FramedAlert): Buffer {
  const alert = schema.decode(datum)
  const notes = fieldNotes(schema, published)
  const { fields } = schema.root
  const { images, furtherImages } = cutoutExtensions(alert)
  const others = fields.filter(({ name }) => !mergedFields.includes(name) && !sourceFields.includes(name)).flatMap(({ name, type }) => {
    const record = recordIn(type)
    if (record === undefined) return []
    const rows = rowsOf(alert[name])
    return [binaryTable(tableNames[name] ?? name.toUpperCase(), rows.length, columnsOf(record, rows, notes))]
  })
  return Buffer.concat([
    primary(schemaId, schema.name), ...alertTables(alert, schema.root, notes), ...images, sourceTable(alert, fields, notes), ...others,
    ...furtherImages
  ])
}

/** The cutouts of an alert: a primary HDU without data, then the HDUs of the cutouts as in `alertFits`. Throws like `alertFits`. */
export function cutoutsFits ({ schema, schemaId, datum }: FramedAlert): Buffer {
  const { images, furtherImages } = cutoutExtensions(schema.decode(datum))
  return Buffer.concat([primary(schemaId, schema.name), ...images, ...furtherImages])
}

/** The first HDU of each cutout that the alert has, and the other HDUs. */
function cutoutExtensions (alert: AlertValue): { readonly images: readonly Buffer[], readonly furtherImages: readonly Buffer[] } {
  const images: Buffer[] = []
  const furtherImages: Buffer[] = []
  for (const kind of cutoutKinds) {
    const bytes = cutoutIn(alert, kind)
    if (bytes === undefined) continue
    readCutout(bytes, kind).forEach((hdu, index) => {
      if (index === 0) images.push(imageExtension(hdu, imageNames[kind]))
      else furtherImages.push(extension(hdu, `${imageNames[kind]}_${String(hdu.value('EXTNAME') ?? index).slice(0, maxNameLength)}`))
    })
  }
  return { images, furtherImages }
}

function primary (schemaId: number, schemaName: string): Buffer {
  const cards = [
    { keyword: 'SIMPLE', value: true, comment: 'conforms to FITS standard' },
    { keyword: 'BITPIX', value: 8n }, { keyword: 'NAXIS', value: 0n }, { keyword: 'EXTEND', value: true },
    ...schemaName.startsWith('lsst.') ? rubinCards : [],
    { keyword: 'SCHEMAID', value: BigInt(schemaId), comment: 'schema id of the alert' }
  ]
  return Buffer.from(formatHeader(cards.map(formatCard).join('')), 'latin1')
}

/** ALERT: one row with the fields of the alert and of its object. */
function alertTables (alert: AlertValue, root: RecordNode, notes: FieldNotes): Buffer[] {
  const columns = [...columnsOf(root, [alert], notes)]
  const tables: Buffer[] = []
  for (const { name, type } of root.fields.filter(field => mergedFields.includes(field.name))) {
    const record = recordIn(type)
    const rows = rowsOf(alert[name])
    if (record === undefined || rows.length === 0) continue
    const merged = columnsOf(record, rows, notes)
    if (columns.length + merged.length > maxColumns) tables.push(binaryTable(name.toUpperCase(), rows.length, merged))
    else addColumns(columns, merged, name)
  }
  return [binaryTable('ALERT', 1, columns), ...tables]
}

/** Column names are compared without case. A name that is taken gets the name of its record in front. */
function addColumns (columns: Column[], more: readonly Column[], record: string): void {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  for (const column of more) {
    columns.push(taken.has(column.name.toLowerCase()) ? { ...column, name: `${record}_${column.name}` } : column)
  }
}

/** DIASOURCE: the triggering source, then the earlier ones. */
function sourceTable (alert: AlertValue, fields: readonly FieldNode[], notes: FieldNotes): Buffer {
  const record = fields.flatMap(({ name, type }) => name === 'diaSource' ? [recordIn(type)] : [])[0]
  const rows = sourceFields.flatMap(name => rowsOf(alert[name]))
  // An alert of another survey may have no triggering source.
  const triggers = rowsOf(alert['diaSource']).length
  const columns = record === undefined ? [] : fluxAfterTime(columnsOf(record, rows, notes))
  return binaryTable('DIASOURCE', rows.length, [
    ...columns,
    { name: 'trigger', type: 'boolean', values: rows.map((_row, index) => index < triggers) },
    { name: 'iau_id', type: 'text', values: rows.map(row => `${iauPrefix}${String(row['diaSourceId'])}`) }
  ])
}

/** Viewers plot the first columns of a table, so the flux follows the time, as in Herald's files. */
function fluxAfterTime (columns: readonly Column[]): readonly Column[] {
  const flux = columns.find(({ name }) => name === 'psfFlux')
  if (flux === undefined || !columns.some(({ name }) => name === 'midpointMjdTai')) return columns
  return columns.filter(column => column !== flux).flatMap(column => column.name === 'midpointMjdTai' ? [column, flux] : [column])
}

function columnsOf (record: RecordNode, rows: readonly AlertValue[], notes: FieldNotes): Column[] {
  return record.fields.flatMap(({ name, type }) => {
    const stored = columnType(type)
    if (stored === undefined) return []
    const { unit, description } = notes(unqualified(record.name), name)
    return [{ name, unit, description, ...stored, values: rows.map(row => row[name]) }]
  })
}

/** How a field is stored in a column. Undefined for fields that have tables or images of their own, and for arrays, maps and bytes. */
function columnType (type: SchemaNode): Pick<Column, 'type' | 'nullValue'> | undefined {
  const branches = type.kind === 'union' ? type.branches.filter(({ kind }) => kind !== 'null') : [type]
  const nullable = type.kind === 'union' && branches.length < type.branches.length
  if (branches.length !== 1) return undefined
  const { kind } = branches[0]!
  switch (kind) {
    case 'boolean': return nullable ? { type: 'byte', nullValue: booleanNull } : { type: kind }
    case 'int': return nullable ? { type: kind, nullValue: intNull } : { type: kind }
    case 'long': return nullable ? { type: kind, nullValue: longNull } : { type: kind }
    case 'float':
    case 'double': return { type: kind }
    case 'string':
    case 'enum': return { type: 'text' }
    default: return undefined
  }
}

/** The primary HDU of a cutout as an image extension. */
function imageExtension (hdu: Hdu, name: string): Buffer {
  const axes = hdu.axes.length
  const own = /^(SIMPLE|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS) *=/
  const mandatory = [
    { keyword: 'XTENSION', value: 'IMAGE', comment: 'Image extension' },
    { keyword: 'BITPIX', value: BigInt(hdu.bitpix) }, { keyword: 'NAXIS', value: BigInt(axes) },
    ...hdu.axes.map((length, axis) => ({ keyword: `NAXIS${axis + 1}`, value: BigInt(length) })),
    { keyword: 'PCOUNT', value: 0n }, { keyword: 'GCOUNT', value: 1n }
  ]
  return extension({ data: hdu.data, cards: [...mandatory.map(formatCard), ...hdu.cards.filter(card => !own.test(card))] }, name)
}

/** An extension with another name. The checksum of its header is left out, because the header changed. */
function extension ({ cards, data }: Pick<Hdu, 'cards' | 'data'>, name: string): Buffer {
  const rest = cards.filter(card => !/^(EXTNAME|CHECKSUM) *=/.test(card))
  const named = `${rest.join('')}${formatCard({ keyword: 'EXTNAME', value: name })}`
  return Buffer.concat([Buffer.from(formatHeader(named), 'latin1'), data, Buffer.alloc(padToBlock(data.length) - data.length)])
}
