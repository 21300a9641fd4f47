// What ingress-nginx makes of an Ingress, as far as our charts go: one server for each host, locations by path type, external
// authentication, a snippet. Only for the checks: without TLS, load balancing and time-outs. An annotation that is not known here is a
// fault, never ignored.
import { createHash } from 'node:crypto'
import { Fault } from '../check.ts'

export interface Ingress {
  readonly metadata: { readonly name: string, readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: {
    readonly ingressClassName?: string
    readonly rules: ReadonlyArray<{ readonly host: string, readonly http: { readonly paths: readonly IngressPath[] } }>
  }
}

interface IngressPath {
  readonly path: string
  readonly pathType: string
  readonly backend: { readonly service: { readonly name: string, readonly port: { readonly name?: string, readonly number?: number } } }
}

export interface Surroundings {
  /** `host:port` of a service here. */
  upstream (service: string, port: string | number): string
  /** `host:port` of the one who is asked by auth-url. */
  readonly auth?: string
  /** What the cluster's administrator put into every server. */
  readonly serverSnippet?: string
}

const PREFIX = 'nginx.ingress.kubernetes.io/'
const KNOWN = ['auth-url', 'auth-method', 'auth-response-headers', 'auth-signin', 'configuration-snippet']

/** A whole configuration. */
export function nginxConfig (ingress: Ingress, port: number, surroundings: Surroundings): string {
  return `worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path client-body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:${port} default_server; return 404; }
${ingress.spec.rules.map(({ host, http }) => server(ingress, host, http.paths, port, surroundings)).join('\n')}
}
`
}

function server (ingress: Ingress, host: string, paths: readonly IngressPath[], port: number, surroundings: Surroundings): string {
  const annotations = annotationsOf(ingress)
  const snippet = annotations['configuration-snippet'] ?? ''
  const auth = authOf(annotations, surroundings)
  const locations = paths.flatMap(path => {
    const { name, port: { name: portName, number } } = path.backend.service
    const target = surroundings.upstream(name, portName ?? number ?? fault(`${ingress.metadata.name}: the backend ${name} has no port`))
    return matchers(path).map(matcher => `    location ${matcher} {
${auth.inLocation}      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;
      proxy_set_header Proxy "";
      proxy_http_version 1.1;
${indent(snippet)}      proxy_pass http://${target};
    }`)
  })
  return `  server {
    listen 127.0.0.1:${port};
    server_name ${host};
${indent(surroundings.serverSnippet ?? '')}${auth.locations}${locations.join('\n')}
  }`
}

/** Matchers of nginx's locations: Prefix is by whole elements of the path, ImplementationSpecific by letters. */
export function matchers ({ path, pathType }: Pick<IngressPath, 'path' | 'pathType'>): string[] {
  if (!/^\/[\w./-]*$/.test(path)) fault(`path ${path}: not known to the translation`)
  switch (pathType) {
    case 'Exact': return [`= ${path}`]
    case 'ImplementationSpecific': return [path]
    case 'Prefix': {
      const bare = path.replace(/\/+$/, '')
      return bare === '' ? ['/'] : [`${bare}/`, `= ${bare}`]
    }
    default: return fault(`pathType ${pathType}: there is none of that name`)
  }
}

function annotationsOf ({ metadata: { name, annotations = {} } }: Ingress): Partial<Record<string, string>> {
  const own = Object.entries(annotations).filter(([key]) => key.startsWith(PREFIX)).map(([key, value]) =>
    [key.slice(PREFIX.length), value] as const
  )
  for (const [key] of own) if (!KNOWN.includes(key)) fault(`${name}: the annotation ${PREFIX}${key} is not known to the translation`)
  return Object.fromEntries(own)
}

/** The location that asks, and what each location says about it. */
function authOf (
  annotations: Partial<Record<string, string>>,
  { auth }: Surroundings
): { readonly locations: string, readonly inLocation: string } {
  const asked = annotations['auth-url']
  if (asked === undefined) return { locations: '', inLocation: '' }
  if (auth === undefined) return fault('auth-url: nobody is there to be asked')
  const url = new URL(asked)
  const id = createHash('sha256').update(asked).digest('hex').slice(0, 12)
  const method = annotations['auth-method']
  const signin = annotations['auth-signin']
  const headers = (annotations['auth-response-headers'] ?? '').split(',').map(header => header.trim()).filter(header => header !== '')
  const locations = `    location = /_external-auth-${id} {
      internal;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Forwarded-Proto "";
      proxy_set_header Host ${url.host};
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Sent-From nginx-ingress-controller;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
${method === undefined ? '' : `      proxy_method ${method};\n`}      proxy_pass http://${auth}${url.pathname}${url.search};
    }
${signin === undefined ? '' : `    location @signin-${id} { internal; return 302 ${signin}?rd=$scheme://$http_host$request_uri; }\n`}`
  const inLocation = [
    `auth_request /_external-auth-${id};`,
    ...headers.flatMap((header, index) => [
      `auth_request_set $auth_header_${index} $upstream_http_${header.toLowerCase().replaceAll('-', '_')};`,
      // One that the answer lacks is empty, and nginx passes no empty header on: what the client sent under this name is gone.
      `proxy_set_header '${header}' $auth_header_${index};`
    ]),
    ...(signin === undefined ? [] : [`error_page 401 = @signin-${id};`])
  ]
  return { locations, inLocation: indent(inLocation.join('\n')) }
}

function indent (text: string): string {
  return text.split('\n').filter(line => line.trim() !== '').map(line => `      ${line}\n`).join('')
}

function fault (what: string): never {
  throw new Fault(what)
}
