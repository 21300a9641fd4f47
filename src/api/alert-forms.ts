// Responses that are made from an alert: its forms, cutouts and light curve. Guarantees: they are made only from verified alerts; their
// entity tags name all that the body depends on: the alert, the form, schemas that can change, and the version of the program; a client
// that has the response gets 304 without the form being made.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { frameHeaderLength, parseFrame, writeFrameHeader } from '../avro/wire-format.ts'
import { version } from '../config/version.ts'
import { formatErrors } from '../formats/errors.ts'
import { resolveAlert, type FramedAlert } from '../formats/framed-alert.ts'
import type { AlertReader, Head } from './alert-reader.ts'
import type { AlertSchemas } from './alert-schemas.ts'
import { matchesTag } from './conditional.ts'
import type { HeldBodies } from './held-bodies.ts'
import { sendProblem } from './problems.ts'

export interface RequestedForm {
  /** Alert id in canonical form. */
  readonly id: string
  /** Name of the form with all parameters that change the body. Part of the entity tag: letters, digits and punctuation. */
  readonly key: string
  readonly mediaType: string
  /** File name for clients that save the body. Default: the client displays it. */
  readonly fileName?: string
  /** Schema version into which the alert is resolved. Default: its own. */
  readonly schemaVersion?: string | undefined
  /** Whether the body has descriptions of fields, which may be those of the schema package. */
  readonly describesFields?: boolean | undefined
  /** Detail of the response if the alert is not archived. Default: 'alert not found'. */
  readonly notFound?: string
  readonly make: (alert: FramedAlert) => Buffer | Promise<Buffer>
}

type Schemas = Pick<AlertSchemas, 'get' | 'byVersion' | 'packageDigest'>
type ResolvedSchema = Omit<FramedAlert, 'datum'>

/** Cache-Control of a form. A later version of the program may make it in another way. */
const cacheForOneDay = 'private, max-age=86400'
const notFound = 'alert not found'

export class AlertForms {
  readonly #alerts: Pick<AlertReader, 'open' | 'head' | 'knownHead'>
  readonly #schemas: Schemas
  readonly #bodies: HeldBodies

  constructor (alerts: Pick<AlertReader, 'open' | 'head' | 'knownHead'>, schemas: Schemas, bodies: HeldBodies) {
    this.#alerts = alerts
    this.#schemas = schemas
    this.#bodies = bodies
  }

  /** Rejects with the error of the archive, with API_* under overload, and with the errors of src/formats/. */
  async send (request: FastifyRequest, reply: FastifyReply, form: RequestedForm): Promise<FastifyReply> {
    const tags = request.headers['if-none-match']
    // `*` matches only if the form can be made.
    if (tags !== undefined && tags.trim() !== '*') {
      const head = this.#alerts.knownHead(form.id, 'identity') ?? await this.#alerts.head(form.id, 'identity')
      if (head === undefined) return sendProblem(reply, 404, form.notFound ?? notFound)
      if (head !== 'unknown') {
        const tag = await this.#tag(form, head, await this.#target(form))
        if (matchesTag(tags, tag)) return sendNotModified(reply, tag)
      }
    }
    const made = await this.#make(form)
    if (made === undefined) return sendProblem(reply, 404, form.notFound ?? notFound)
    if (matchesTag(tags, made.tag)) return sendNotModified(reply, made.tag)
    reply.headers({ 'content-type': form.mediaType, etag: made.tag, 'cache-control': cacheForOneDay })
    if (form.fileName !== undefined) reply.header('content-disposition', `attachment; filename="${form.fileName}"`)
    return this.#bodies.send(reply, made.body)
  }

  async #make (form: RequestedForm): Promise<{ readonly body: Buffer, readonly tag: string } | undefined> {
    // The alert counts towards the memory for alerts in responses while its form is being made.
    const { ready, content, release } = this.#alerts.open(form.id, 'identity')
    try {
      const alert = ready ?? await content
      if (alert === undefined) return undefined
      const framed = await this.#framed(alert.body)
      const target = await this.#target(form)
      const body = await form.make(target === undefined ? framed : resolveAlert(framed, target))
      return { body, tag: await this.#tag(form, alert, target) }
    } finally {
      release()
    }
  }

  async #framed (frame: Buffer): Promise<FramedAlert> {
    const { schemaId, datum } = parseFrame(frame)
    const archived = await this.#schemas.get(schemaId)
    if (archived === undefined) throw formatErrors.ALERT_SCHEMA_MISSING(`the archive does not have the schema of the alert, ${schemaId}`)
    return { ...archived, datum }
  }

  /** The schema into which the alert is resolved. Undefined: its own. */
  async #target ({ schemaVersion }: RequestedForm): Promise<ResolvedSchema | undefined> {
    if (schemaVersion === undefined) return undefined
    const target = await this.#schemas.byVersion(schemaVersion)
    if (target === undefined) throw formatErrors.SCHEMA_VERSION_MISSING(`the archive has no schema of version ${schemaVersion}`)
    return target
  }

  async #tag ({ key, describesFields }: RequestedForm, { tag }: Pick<Head, 'tag'>, target: ResolvedSchema | undefined): Promise<string> {
    const digest = describesFields === true ? await this.#schemas.packageDigest() : undefined
    const parts = [
      key,
      // The archive may later have another schema of the version, with a lower id.
      ...target === undefined ? [] : [`schema${target.schemaId}`],
      ...digest === undefined ? [] : [`docs${digest}`],
      version()
    ]
    return `${tag.slice(0, -1)}-${parts.join('-')}"`
  }
}

/** The alert as a Confluent frame. */
export function frameOf ({ schemaId, datum }: FramedAlert): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderLength + datum.length)
  writeFrameHeader(frame, schemaId)
  datum.copy(frame, frameHeaderLength)
  return frame
}

function sendNotModified (reply: FastifyReply, tag: string): FastifyReply {
  return reply.code(304).headers({ etag: tag, 'cache-control': cacheForOneDay }).send()
}
