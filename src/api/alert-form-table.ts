// The forms of an alert on /v1/alerts/{id}, apart from the frame itself.
import { alertContainer } from '../formats/container.ts'
import type { FramedAlert } from '../formats/framed-alert.ts'
import { alertFits } from '../formats/fits.ts'
import { alertJson } from '../formats/json.ts'
import { frameOf } from './alert-forms.ts'
import type { Form } from './media-types.ts'

export interface FormParameters {
  readonly bytes?: 'base64' | 'omit'
}

export interface AlertForm extends Form {
  /** What the body is, for the API document. */
  readonly description: string
  /** Extension of the file name for clients that save the body. Undefined: the client displays the body. */
  readonly extension?: string
  /** Whether the body has descriptions of fields, which may be those of the schema package. */
  readonly describesFields?: boolean
  readonly make: (alert: FramedAlert, parameters: FormParameters) => Buffer | Promise<Buffer>
}

export const octets = 'application/octet-stream'

/** The frame comes first, because it is sent unless the client prefers another form. */
export const alertForms: readonly [AlertForm, ...AlertForm[]] = [
  {
    name: 'frame', mediaTypes: [octets],
    description: 'The alert as it was in Kafka: 0x00, schema id (4 bytes, big-endian), Avro datum.',
    make: frameOf
  },
  {
    name: 'ocf', mediaTypes: ['application/avro', 'avro/binary', 'application/x-avro-ocf'], extension: 'avro',
    description: 'Avro object container file with the alert and its schema.',
    make: alertContainer
  },
  {
    name: 'json', mediaTypes: ['application/json'],
    description: 'JSON: longs are decimal strings, bytes are base64, NaN and infinite numbers are null.',
    make: (alert, { bytes }) => Buffer.from(alertJson(alert, bytes === 'omit' ? 'scalars' : 'plain'))
  },
  {
    name: 'json-lossless', mediaTypes: ['application/avro+json', 'avro/json'],
    description: 'JSON encoding of Avro, which encodes to the same bytes again.',
    make: alert => Buffer.from(alertJson(alert, 'lossless'))
  },
  {
    name: 'fits', mediaTypes: ['application/fits', 'image/fits'], extension: 'fits', describesFields: true,
    description: 'FITS file with the HDUs ALERT, DIFFIM, SCIENCE, TEMPLATE, DIASOURCE, FORCEDPHOT and SSSOURCE.',
    make: alertFits
  }
]

/** The names of all forms, for texts. */
export const formNames = alertForms.map(({ name }) => name).join(', ')
