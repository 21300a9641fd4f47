// The DataLink document of an alert (IVOA DataLink 1.1): a VOTable with one row for each link to a form of the alert or to a part of it.

interface Link {
  readonly url: string
  readonly description: string
  /** Term of http://www.ivoa.net/rdf/datalink/core. */
  readonly semantics: string
  readonly mediaType: string
}

const fields: ReadonlyArray<readonly [name: string, type: string, ucd: string]> = [
  ['ID', 'datatype="char" arraysize="*"', 'meta.id;meta.main'],
  ['access_url', 'datatype="char" arraysize="*"', 'meta.ref.url'],
  ['service_def', 'datatype="char" arraysize="*"', 'meta.ref'],
  ['error_message', 'datatype="char" arraysize="*"', 'meta.code.error'],
  ['description', 'datatype="char" arraysize="*"', 'meta.note'],
  ['semantics', 'datatype="char" arraysize="*"', 'meta.code'],
  ['content_type', 'datatype="char" arraysize="*"', 'meta.code.mime'],
  ['content_length', 'datatype="long" unit="byte"', 'phys.size;meta.file']
]

/** Text of the document. `id`: the alert id, in the column ID. The columns service_def, error_message and content_length are null. */
export function dataLinkTable (id: string, links: readonly Link[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
    '<RESOURCE type="results">',
    '<INFO name="standardID" value="ivo://ivoa.net/std/DataLink#links-1.1"/>',
    '<TABLE>',
    ...fields.map(([name, type, ucd]) => `<FIELD name="${name}" ${type} ucd="${ucd}"/>`),
    '<DATA><TABLEDATA>',
    ...links.map(({ url, description, semantics, mediaType }) => {
      const cells = [id, url, '', '', description, semantics, mediaType, '']
      return `<TR>${cells.map(cell => `<TD>${escaped(cell)}</TD>`).join('')}</TR>`
    }),
    '</TABLEDATA></DATA>',
    '</TABLE>',
    '</RESOURCE>',
    '</VOTABLE>',
    ''
  ].join('\n')
}

function escaped (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
