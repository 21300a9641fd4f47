// GET /v1/openapi.json: the API as an OpenAPI 3.1 document. GET /v1/docs: the same as a page of plain HTML, which loads nothing else.
import type { FastifyInstance } from 'fastify'
import { readOnly } from '../read-only-routes.ts'
import { response } from '../response-schemas.ts'

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly parameters?: ReadonlyArray<{ readonly name: string, readonly in: string, readonly description?: string }>
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>
}

const documentSchema = {
  operationId: 'getOpenapi',
  summary: 'This API as an OpenAPI 3.1 document',
  response: { 200: response('The document.', 'application/json', { type: 'object' }) }
}
const pageSchema = {
  operationId: 'getDocs',
  summary: 'This API as a page',
  response: { 200: response('The page.', 'text/html', { type: 'string' }) }
}

export async function openapiRoutes (app: FastifyInstance): Promise<void> {
  let document: string | undefined
  let page: string | undefined
  readOnly(app, '/v1/openapi.json', async (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply.headers({
      'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(document)
    }).send(document)
  }, documentSchema)
  readOnly(app, '/v1/docs', async (_request, reply) => {
    page ??= html(app.swagger().paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>)
    return reply.headers({
      'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(page),
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'"
    }).send(page)
  }, pageSchema)
}

function html (paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
    const { summary = '', description = '', parameters = [], responses = {} } = operation
    return `<h2><code>${method.toUpperCase()} ${escape(path)}</code></h2><p>${escape(summary)}. ${escape(description)}</p>` +
      definitions(parameters.map(parameter => [parameter.name, parameter.description ?? ''])) +
      definitions(Object.entries(responses).map(([status, each]) => [status, each.description ?? '']))
  }))
  return '<!doctype html><html lang="en"><meta charset="utf-8"><title>alert-stream archive: API</title>' +
    '<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}dt{font-family:monospace}</style>' +
    '<h1>alert-stream archive: API</h1><p>As an <a href="openapi.json">OpenAPI 3.1 document</a>.</p>' +
    `${operations.join('')}</html>\n`
}

function definitions (entries: ReadonlyArray<readonly [string, string]>): string {
  if (entries.length === 0) return ''
  return `<dl>${entries.map(([term, meaning]) => `<dt>${escape(term)}</dt><dd>${escape(meaning)}</dd>`).join('')}</dl>`
}

function escape (text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.codePointAt(0)};`)
}
