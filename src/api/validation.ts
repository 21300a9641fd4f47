// Messages for requests that do not match the JSON schema of their route. They name the parameter and say what is valid.
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify'

/** ajv adds the schema of the failed keyword, because its option `verbose` is set. */
type ValidationError = FastifySchemaValidationError & { readonly parentSchema?: { readonly description?: string } }

const places: Readonly<Record<string, string>> = { querystring: 'query parameter', params: 'path parameter' }

/** Options of ajv: unknown parameters are errors, so that a misspelt one is not ignored. */
export const ajvOptions = { customOptions: { removeAdditional: false, verbose: true, allErrors: false } } as const

export function explainInvalid (app: FastifyInstance): void {
  app.setSchemaErrorFormatter((errors, place) => new Error(messageOf(errors[0]!, places[place] ?? place)))
}

function messageOf ({ keyword, params, instancePath, message, parentSchema }: ValidationError, place: string): string {
  if (keyword === 'additionalProperties') return `unknown ${place} ${JSON.stringify(params['additionalProperty'])}`
  const name = instancePath.split('/').filter(part => part !== '').join('.')
  const { description } = parentSchema ?? {}
  // The descriptions of ids say what is valid.
  if (keyword === 'pattern' && description !== undefined) return `the ${place} ${name} is not valid: ${description}`
  return `the ${place}${name === '' ? '' : ` ${name}`} ${message ?? 'is not valid'}`
}
