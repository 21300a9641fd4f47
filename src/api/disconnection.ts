// The end of a request by its client.
import type { FastifyReply } from 'fastify'
import { searchErrors } from '../search/errors.ts'

/** A signal that aborts, with SEARCH_STOPPED as reason, if the client disconnects before the response was sent. */
export function disconnection (reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => {
    if (!reply.raw.writableFinished) controller.abort(searchErrors.SEARCH_STOPPED('the query was stopped'))
  }
  if (reply.raw.destroyed) stop()
  else reply.raw.once('close', stop)
  return controller.signal
}
