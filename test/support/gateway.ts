// A test stand-in for the survey's gateway (Gafaelfawr behind NGINX). It reads tokens from a table and speaks plain HTTP.
// It responds like the real gateway: 401 with a challenge for a missing or unknown token, 403 for a missing scope, NGINX's HTML bodies, and
// a login that sets a cookie. The API gets the user's name in X-Auth-Request-User, never a name or credentials sent by the client.
import { once } from 'node:events'
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

const COOKIE = 'gafaelfawr'
const DROPPED = /^(authorization|cookie|connection|host|x-auth-request-.*|x-forwarded-.*)$/

interface GatewayToken {
  readonly user: string
  readonly scopes: readonly string[]
}

export interface GatewayOptions {
  /** Base URL of the API. Paths are forwarded unchanged. */
  readonly upstream: string
  /** Path prefix of the protected service, such as /alertdb. */
  readonly prefix: string
  readonly scope: string
  /** Users by token. A token has the form `gt-...`. */
  readonly tokens: Readonly<Record<string, GatewayToken>>
  /** The token in the cookie that a login sets. If undefined, the login is denied. */
  readonly loginAs?: string
  /** Whether requests without a token are redirected to the login, instead of getting 401 (GafaelfawrIngress: `config.loginRedirect`). */
  readonly loginRedirect?: boolean
}

interface Passed { readonly path: string, readonly headers: IncomingHttpHeaders }

export interface Gateway {
  /** Base URL of the gateway, without a trailing slash. */
  readonly url: string
  /** Requests forwarded to the upstream, in order, with their headers. */
  readonly passed: readonly Passed[]
}

/** Starts a gateway. It is closed in teardown. */
export async function startGateway (t: Test, options: GatewayOptions): Promise<Gateway> {
  const passed: Passed[] = []
  const server: Server = createServer((incoming, reply) => {
    const path = incoming.url ?? '/'
    const { pathname, searchParams } = new URL(path, url)
    if (pathname === '/auth/tokens' || pathname === '/auth/tokens/') return page(reply, 200, 'Create Token')
    if (pathname === '/login') return login(reply, searchParams.get('rd'), url, options)
    if (pathname !== options.prefix && !pathname.startsWith(`${options.prefix}/`)) return page(reply, 404, 'Not Found')
    const user = authenticate(incoming, reply, path, url, options)
    if (user !== undefined) forward(incoming, reply, path, user, options, passed)
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

/** Returns the user's name. If the request is rejected, sends the response and returns undefined. */
function authenticate (
  incoming: IncomingMessage, reply: ServerResponse, path: string, url: string, { tokens, scope, loginRedirect }: GatewayOptions
): string | undefined {
  const [, bearer] = /^bearer +(.*)$/i.exec(incoming.headers.authorization ?? '') ?? []
  const [, cookie] = new RegExp(`(?:^|; *)${COOKIE}=([^;]*)`).exec(incoming.headers.cookie ?? '') ?? []
  const given = bearer ?? cookie
  const token = given === undefined || !Object.hasOwn(tokens, given) ? undefined : tokens[given]
  const challenge = (details: string) => ({ 'www-authenticate': `Bearer realm="${new URL(url).hostname}"${details}` })
  if (token === undefined) {
    if (loginRedirect === true) {
      reply.writeHead(302, { location: `${url}/login?rd=${encodeURIComponent(url + path)}` }).end()
    } else {
      const details = given === undefined ? '' : ', error="invalid_token", error_description="Token is not valid"'
      page(reply, 401, 'Authorization Required', challenge(details))
    }
    return undefined
  }
  if (!token.scopes.includes(scope)) {
    const details = `, error="insufficient_scope", error_description="Token missing required scope", scope="${scope}"`
    page(reply, 403, 'Forbidden', challenge(details))
    return undefined
  }
  return token.user
}

// The real gateway first redirects to the identity provider. The stand-in behaves as after a successful login there.
function login (reply: ServerResponse, target: string | null, url: string, { loginAs }: GatewayOptions): void {
  if (target === null || !URL.canParse(target) || new URL(target).origin !== url) return page(reply, 422, 'Invalid return URL')
  if (loginAs === undefined) return page(reply, 403, 'Forbidden')
  reply.writeHead(307, { location: target, 'set-cookie': `${COOKIE}=${loginAs}; Path=/; HttpOnly; SameSite=Lax` }).end()
}

function forward (
  incoming: IncomingMessage, reply: ServerResponse, path: string, user: string, { upstream }: GatewayOptions, passed: Passed[]
): void {
  const kept = Object.entries(incoming.headers).filter(([name]) => !DROPPED.test(name))
  const headers: IncomingHttpHeaders = Object.fromEntries(kept)
  headers['x-auth-request-user'] = user
  passed.push({ path, headers })
  const outgoing = request(upstream + path, { method: incoming.method, headers }, response => {
    reply.writeHead(response.statusCode ?? 502, response.headers)
    response.pipe(reply)
  })
  outgoing.on('error', () => {
    if (reply.headersSent) reply.destroy()
    else page(reply, 502, 'Bad Gateway')
  })
  incoming.pipe(outgoing)
}

function page (reply: ServerResponse, status: number, title: string, headers: Record<string, string> = {}): void {
  const html = `<html><head><title>${status} ${title}</title></head><body><h1>${status} ${title}</h1></body></html>\n`
  reply.writeHead(status, { 'content-type': 'text/html', ...headers }).end(html)
}
