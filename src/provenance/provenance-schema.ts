// The Avro schema of the provenance. `npm run docs` writes it to docs/provenance.avsc. A field may never be changed, because each object
// names its schema by fingerprint: a changed schema needs a new fingerprint, and readers must keep all schemas.

const schema = {
  type: 'record',
  name: 'Provenance',
  namespace: 'alert_stream.v1',
  doc: 'Where an archived alert came from. It is in the gzip header of the object, in the extra field (RFC 1952, FEXTRA) with the id LA, ' +
    'in the single-object encoding of Avro. It describes the Kafka record that was archived first.',
  fields: [
    { name: 'sha256', type: { type: 'fixed', name: 'Sha256', size: 32 }, doc: 'SHA-256 of the frame, that is, of the inflated object.' },
    { name: 'frameBytes', type: 'long', doc: 'Length of the frame.' },
    { name: 'gzipBytes', type: 'long', doc: 'Length of the gzip data without the extra fields and their two-byte length.' },
    { name: 'archivedAt', type: 'long', doc: 'When the ingester compressed the alert, in ms since 1970.' },
    { name: 'topic', type: 'string', doc: 'Topic of the Kafka record.' },
    {
      name: 'topicId', type: ['null', { type: 'fixed', name: 'Uuid', size: 16 }],
      doc: 'UUID of the topic. A recreated topic has the same name and another UUID.'
    },
    { name: 'partition', type: 'int' },
    { name: 'offset', type: 'long' },
    { name: 'leaderEpoch', type: 'int', doc: 'Leader epoch of the record batch; -1 if unknown.' },
    { name: 'timestamp', type: 'long', doc: 'Timestamp of the record in ms since 1970. A producer may set any 64-bit number.' },
    {
      name: 'timestampType',
      type: { type: 'enum', name: 'TimestampType', symbols: ['Unknown', 'CreateTime', 'LogAppendTime'] },
      doc: 'CreateTime: set by the producer. LogAppendTime: set by the broker.'
    },
    { name: 'key', type: ['null', 'bytes'], doc: 'Key of the record. Also null if it was left out (see truncated).' },
    {
      name: 'headers',
      type: {
        type: 'array',
        items: {
          type: 'record', name: 'Header',
          fields: [{ name: 'name', type: 'string' }, { name: 'value', type: ['null', 'bytes'] }]
        }
      },
      doc: 'Headers of the record, in order. Empty if they were left out (see truncated).'
    },
    {
      name: 'truncated',
      type: { type: 'array', items: { type: 'enum', name: 'Part', symbols: ['headers', 'key'] } },
      doc: 'What was left out, because a gzip header has room for 65,535 bytes only: first the headers, then also the key.'
    },
    {
      name: 'redrivenFrom',
      type: ['null', {
        type: 'record', name: 'FirstRecord',
        fields: [
          { name: 'topic', type: 'string' },
          { name: 'partition', type: 'int' },
          { name: 'offset', type: 'long' },
          { name: 'timestamp', type: 'long' }
        ]
      }],
      doc: 'If the record was redriven from the dead letters: where it was first, as its headers dead-letter-origin-* say.'
    },
    {
      name: 'checksum', type: { type: 'fixed', name: 'Checksum', size: 4 },
      doc: 'CRC-32 (as in gzip) of the preceding bytes of the single-object encoding, little-endian.'
    }
  ]
} as const

/** The schema as JSON. */
export const provenanceSchema = JSON.stringify(schema)

/** The content of docs/provenance.avsc. */
export function provenanceDocument (): string {
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
