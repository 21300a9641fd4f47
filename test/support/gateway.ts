// A STAND-IN of the survey's gateway (Gafaelfawr behind NGINX) in front of an API, for tests only: it knows tokens from a table, not from an
// identity provider, and speaks plain HTTP. What it answers is what clients of the real one see: 401 with a challenge without a token or with
// an unknown one, 403 for a token without the scope, NGINX's HTML as their body, a login that comes back with a cookie. The API behind it
// gets the user's name in X-Auth-Request-User, never one that the client made up, and never the client's credentials.
import { once } from 'node:events'
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

const COOKIE = 'gafaelfawr'
const DROPPED = /^(authorization|cookie|connection|host|x-auth-request-.*|x-forwarded-.*)$/

export interface GatewayToken {
  readonly user: string
  readonly scopes: readonly string[]
}

export interface GatewayOptions {
  /** Base URL of what is behind it; paths are passed on whole. */
  readonly upstream: string
  /** Path of the protected service: /alertdb. */
  readonly prefix: string
  readonly scope: string
  /** By token: `gt-...`. */
  readonly tokens: Readonly<Record<string, GatewayToken>>
  /** The token that a login's cookie stands for; undefined: the user is not let in. */
  readonly loginAs?: string
  /** Sends who has no token to the login, instead of 401 (`config.loginRedirect` of a GafaelfawrIngress). */
  readonly loginRedirect?: boolean
}

export interface Gateway {
  /** Without a slash at the end. */
  readonly url: string
  /** What the upstream was asked: the headers it got, in order. */
  readonly passed: ReadonlyArray<{ readonly path: string, readonly headers: IncomingHttpHeaders }>
}

/** Closed in teardown. */
export async function startGateway (t: Test, options: GatewayOptions): Promise<Gateway> {
  const passed: Array<{ path: string, headers: IncomingHttpHeaders }> = []
  const server: Server = createServer((incoming, reply) => {
    const path = incoming.url ?? '/'
    const { pathname, searchParams } = new URL(path, url)
    if (pathname === '/auth/tokens' || pathname === '/auth/tokens/') return page(reply, 200, 'Create Token')
    if (pathname === '/login') return login(reply, searchParams.get('rd'), url, options)
    if (pathname !== options.prefix && !pathname.startsWith(`${options.prefix}/`)) return page(reply, 404, 'Not Found')
    const user = admit(incoming, reply, path, url, options)
    if (user !== undefined) passOn(incoming, reply, path, user, options, passed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { url, passed }
}

/** The user's name, or undefined where the request has been answered. */
function admit (incoming: IncomingMessage, reply: ServerResponse, path: string, url: string, { tokens, scope, loginRedirect }: GatewayOptions): string | undefined {
  const [, bearer] = /^bearer +(.*)$/i.exec(incoming.headers.authorization ?? '') ?? []
  const [, cookie] = new RegExp(`(?:^|; *)${COOKIE}=([^;]*)`).exec(incoming.headers.cookie ?? '') ?? []
  const given = bearer ?? cookie
  const token = given === undefined || !Object.hasOwn(tokens, given) ? undefined : tokens[given]
  const challenge = (more: string): string => `Bearer realm="${new URL(url).hostname}"${more}`
  if (token === undefined) {
    if (loginRedirect === true) {
      reply.writeHead(302, { location: `${url}/login?rd=${encodeURIComponent(url + path)}` }).end()
    } else {
      page(reply, 401, 'Authorization Required', { 'www-authenticate': challenge(given === undefined ? '' : ', error="invalid_token", error_description="Token is not valid"') })
    }
    return undefined
  }
  if (!token.scopes.includes(scope)) {
    page(reply, 403, 'Forbidden', { 'www-authenticate': challenge(`, error="insufficient_scope", error_description="Token missing required scope", scope="${scope}"`) })
    return undefined
  }
  return token.user
}

// The identity provider, to which the real one redirects first, has let the user in.
function login (reply: ServerResponse, target: string | null, url: string, { loginAs }: GatewayOptions): void {
  if (target === null || !URL.canParse(target) || new URL(target).origin !== url) return page(reply, 422, 'Invalid return URL')
  if (loginAs === undefined) return page(reply, 403, 'Forbidden')
  reply.writeHead(307, { location: target, 'set-cookie': `${COOKIE}=${loginAs}; Path=/; HttpOnly; SameSite=Lax` }).end()
}

function passOn (incoming: IncomingMessage, reply: ServerResponse, path: string, user: string, { upstream }: GatewayOptions, passed: Array<{ path: string, headers: IncomingHttpHeaders }>): void {
  const headers: IncomingHttpHeaders = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !DROPPED.test(name)))
  headers['x-auth-request-user'] = user
  passed.push({ path, headers })
  const outgoing = request(upstream + path, { method: incoming.method, headers }, answer => {
    reply.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(reply)
  })
  outgoing.on('error', () => {
    if (reply.headersSent) reply.destroy()
    else page(reply, 502, 'Bad Gateway')
  })
  incoming.pipe(outgoing)
}

function page (reply: ServerResponse, status: number, title: string, headers: Record<string, string> = {}): void {
  reply.writeHead(status, { 'content-type': 'text/html', ...headers }).end(`<html><head><title>${status} ${title}</title></head><body><h1>${status} ${title}</h1></body></html>\n`)
}
