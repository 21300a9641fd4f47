// Gafaelfawr as far as an ingress can tell: the Ingress that its operator makes of a GafaelfawrIngress, and the endpoint that ingress-nginx
// asks. A STAND-IN with tokens from a table; what it answers follows the real one's documentation.
import { createServer, type IncomingMessage } from 'node:http'
import type { Context } from '../check.ts'
import { listen } from './listen.ts'
import type { Ingress } from './translate.ts'

export interface GafaelfawrIngress {
  readonly metadata: { readonly name: string }
  readonly config: {
    readonly scopes: { readonly all?: readonly string[], readonly any?: readonly string[] }
    readonly service: string
    readonly loginRedirect?: boolean
  }
  readonly template: { readonly metadata: Ingress['metadata'], readonly spec: Omit<Ingress['spec'], 'ingressClassName'> }
}

const ANNOTATION = 'nginx.ingress.kubernetes.io'
const RESPONSE_HEADERS = ['Authorization', 'Cookie', 'X-Auth-Request-Email', 'X-Auth-Request-Service', 'X-Auth-Request-Token',
  'X-Auth-Request-User']

/** Errors other than 401 and 403 come back as 403 with headers, as nginx knows no others of a subrequest. */
const ERROR_SNIPPET = `auth_request_set $auth_www_authenticate $upstream_http_www_authenticate;
auth_request_set $auth_status $upstream_http_x_error_status;
auth_request_set $auth_error_body $upstream_http_x_error_body;
auth_request_set $auth_retry_after $upstream_http_retry_after;
error_page 403 = @autherror;`

/** The location that the administrator of such a cluster puts into every server. */
export const SERVER_SNIPPET = `location @autherror {
  add_header Cache-Control "no-cache, no-store" always;
  add_header WWW-Authenticate $auth_www_authenticate always;
  add_header Retry-After $auth_retry_after always;
  default_type application/json;
  if ($auth_status = 400) { return 400 $auth_error_body; }
  if ($auth_status = 429) { return 429 $auth_error_body; }
  return 403;
}`

export function ingressOf ({ config, template }: Pick<GafaelfawrIngress, 'config' | 'template'>, host: string): Ingress {
  const query = new URLSearchParams()
  for (const scope of config.scopes.all ?? config.scopes.any ?? []) query.append('scope', scope)
  if (config.scopes.any !== undefined) query.append('satisfy', 'any')
  query.append('service', config.service)
  return {
    metadata: {
      name: template.metadata.name,
      annotations: {
        ...template.metadata.annotations,
        [`${ANNOTATION}/auth-method`]: 'GET',
        [`${ANNOTATION}/auth-url`]: `http://gafaelfawr.gafaelfawr.svc.cluster.local:8080/ingress/auth?${query.toString()}`,
        [`${ANNOTATION}/auth-response-headers`]: RESPONSE_HEADERS.join(','),
        [`${ANNOTATION}/configuration-snippet`]: ERROR_SNIPPET,
        ...(config.loginRedirect === true ? { [`${ANNOTATION}/auth-signin`]: `https://${host}/login` } : {})
      }
    },
    spec: { ingressClassName: 'nginx', ...template.spec }
  }
}

export interface Token {
  readonly user: string
  readonly scopes: readonly string[]
  /** It has asked too often. */
  readonly busy?: boolean
}

export interface Asked {
  readonly method: string
  readonly scopes: readonly string[]
  readonly originalMethod: string | undefined
  readonly originalUri: string | undefined
}

export interface AuthServer {
  readonly port: number
  readonly asked: readonly Asked[]
  stop (): Promise<void>
}

export async function startAuthServer (context: Context, tokens: Readonly<Record<string, Token>>): Promise<AuthServer> {
  const asked: Asked[] = []
  const server = createServer((incoming, reply): void => {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://gafaelfawr')
    const scopes = searchParams.getAll('scope')
    const header = (name: string): string | undefined => incoming.headers[name]?.toString()
    asked.push({
      method: incoming.method ?? '',
      scopes,
      originalMethod: header('x-original-method'),
      originalUri: header('x-original-uri')
    })
    const answer = (status: number, headers: Readonly<Record<string, string>> = {}): void => { reply.writeHead(status, headers).end() }
    if (pathname !== '/ingress/auth') return answer(404)
    // It was asked for nothing, which everybody would have.
    if (scopes.length === 0) return answer(422)
    const { given, authorization, cookie } = credentialsOf(incoming)
    const token = given === undefined || !Object.hasOwn(tokens, given) ? undefined : tokens[given]
    const challenge = (more: string): Readonly<Record<string, string>> => ({ 'www-authenticate': `Bearer realm="data.example.org"${more}` })
    if (token === undefined) return answer(401, challenge(given === undefined ? '' : ', error="invalid_token"'))
    if (token.busy === true)
      return answer(403, { 'x-error-status': '429', 'x-error-body': '{"detail":[{"type":"rate_limited"}]}', 'retry-after': '60' })
    const holds = (scope: string): boolean => token.scopes.includes(scope)
    const enough = searchParams.get('satisfy') === 'any' ? scopes.some(holds) : scopes.every(holds)
    if (!enough) return answer(403, challenge(`, error="insufficient_scope", scope="${scopes.join(' ')}"`))
    const service = searchParams.get('service')
    answer(200, {
      'x-auth-request-user': token.user,
      'x-auth-request-email': `${token.user}@example.org`,
      ...(service === null ? {} : { 'x-auth-request-service': service }),
      // What it was asked with, without its own credentials.
      ...(authorization === undefined ? {} : { authorization }),
      ...(cookie === undefined ? {} : { cookie })
    })
  })
  return { ...await listen(context, server), asked }
}

function credentialsOf (
  { headers }: IncomingMessage
): { readonly given: string | undefined, readonly authorization: string | undefined, readonly cookie: string | undefined } {
  const [, bearer] = /^bearer +(.*)$/i.exec(headers.authorization ?? '') ?? []
  const cookies = (headers.cookie ?? '').split(/; */).filter(each => each !== '')
  const own = cookies.find(each => each.startsWith('gafaelfawr='))?.slice('gafaelfawr='.length)
  const others = cookies.filter(each => !each.startsWith('gafaelfawr='))
  return {
    given: bearer ?? own,
    authorization: bearer === undefined ? headers.authorization : undefined,
    cookie: others.length === 0 ? undefined : others.join('; ')
  }
}
