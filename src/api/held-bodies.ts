// Response bodies that were made for one request. Their memory is limited while they are being sent.
import type { FastifyReply } from 'fastify'
import { apiErrors } from './errors.ts'

export class HeldBodies {
  readonly #what: string
  readonly #maxBytes: number
  #held = 0

  /** `what`: the bodies in the message of the error, such as `pages`. `maxBytes`: a single body may exceed it. */
  constructor (what: string, maxBytes: number) {
    this.#what = what
    this.#maxBytes = maxBytes
  }

  /** Sends a complete body, which counts towards the limit until it was sent. Throws API_BUFFERS_FULL. */
  send (reply: FastifyReply, body: Buffer): FastifyReply {
    if (this.#held > 0 && this.#held + body.length > this.#maxBytes) {
      throw apiErrors.API_BUFFERS_FULL(`${this.#held} bytes of ${this.#what} are being sent`)
    }
    this.#held += body.length
    const release = (): void => { this.#held -= body.length }
    if (reply.raw.destroyed) release()
    else reply.raw.once('close', release)
    return reply.header('content-length', body.length).send(body)
  }
}
