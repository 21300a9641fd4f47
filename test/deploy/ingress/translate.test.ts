import t from 'tap'
import { matchers, nginxConfig, type Ingress } from '../../../deploy/checks/ingress/translate.ts'
import { ingressOf } from '../../../deploy/checks/ingress/gafaelfawr.ts'
import { argsOf, pick, withFlags } from '../../../deploy/checks/ingress/rendered.ts'

const spec = {
  rules: [{
    host: 'a.example.org',
    http: { paths: [{ path: '/alertdb', pathType: 'Prefix', backend: { service: { name: 'db', port: { name: 'http' } } } }] }
  }]
}
const withAnnotations = (annotations: Readonly<Record<string, string>>): Ingress => ({
  metadata: {
    name: 'db',
    annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]))
  },
  spec
})
const surroundings = { upstream: (service: string, port: string | number) => `${service}.test:${port}` }

await t.test('translates each path type', async t => {
  t.strictSame(matchers({ path: '/alertdb', pathType: 'Prefix' }), ['/alertdb/', '= /alertdb'])
  t.strictSame(matchers({ path: '/alertdb/', pathType: 'Prefix' }), ['/alertdb/', '= /alertdb'])
  t.strictSame(matchers({ path: '/', pathType: 'Prefix' }), ['/'])
  t.strictSame(matchers({ path: '/alertdb', pathType: 'ImplementationSpecific' }), ['/alertdb'])
  t.strictSame(matchers({ path: '/alertdb', pathType: 'Exact' }), ['= /alertdb'])
  t.throws(() => matchers({ path: '/alertdb', pathType: 'Prefixed' }), /there is none of that name/)
  t.throws(() => matchers({ path: '/alertdb(/|$)', pathType: 'Prefix' }), /not known/)
})

await t.test('without annotations the location only proxies', async t => {
  const config = nginxConfig(withAnnotations({}), 8080, surroundings)
  t.match(config, /server_name a\.example\.org;/)
  t.match(config, /proxy_pass http:\/\/db\.test:http;/)
  t.notMatch(config, /auth_request/)
})

await t.test('auth-url adds an authentication request', async t => {
  const config = nginxConfig(withAnnotations({
      'auth-url': 'http://gafaelfawr:8080/ingress/auth?scope=read:alertdb',
      'auth-method': 'GET',
      'auth-response-headers': 'Authorization,X-Auth-Request-User',
      'auth-signin': 'https://a.example.org/login'
  }), 8080, { ...surroundings, auth: '127.0.0.1:9' })
  t.match(config, /proxy_pass http:\/\/127\.0\.0\.1:9\/ingress\/auth\?scope=read:alertdb;/)
  t.match(config, /proxy_method GET;/)
  t.match(
    config,
    /auth_request_set \$auth_header_1 \$upstream_http_x_auth_request_user;\n +proxy_set_header 'X-Auth-Request-User' \$auth_header_1;/
  )
  t.match(config, /error_page 401 = @signin-/)
  t.throws(() => nginxConfig(withAnnotations({ 'auth-url': 'http://gafaelfawr/' }), 8080, surroundings), /nobody is there to be asked/)
})

await t.test('a configuration snippet is inserted into the location', async t => {
  t.match(
    nginxConfig(withAnnotations({ 'configuration-snippet': 'limit_except GET {\n  deny all;\n}\n' }), 8080, surroundings),
    /limit_except GET \{\n +deny all;\n +\}\n +proxy_pass/
  )
})

await t.test('rejects an unknown annotation', async t => {
  t.throws(() => nginxConfig(withAnnotations({ 'rewrite-target': '/' }), 8080, surroundings), /rewrite-target is not known/)
})

await t.test('translates a GafaelfawrIngress as Gafaelfawr does', async t => {
  const of = (config: Parameters<typeof ingressOf>[0]['config']): Ingress =>
    ingressOf({ config, template: { metadata: { name: 'db' }, spec } }, 'a.example.org')
  const annotations = of({ scopes: { any: ['read:alertdb', 'exec:admin'] }, service: 'db', loginRedirect: true }).metadata.annotations ?? {}
  t.equal(
    annotations['nginx.ingress.kubernetes.io/auth-url'],
    'http://gafaelfawr.gafaelfawr.svc.cluster.local:8080/ingress/auth?scope=read%3Aalertdb&scope=exec%3Aadmin&satisfy=any&service=db'
  )
  t.equal(annotations['nginx.ingress.kubernetes.io/auth-signin'], 'https://a.example.org/login')
  t.notOk(
    'nginx.ingress.kubernetes.io/auth-signin' in (of({ scopes: { all: ['read:alertdb'] }, service: 'db' }).metadata.annotations ?? {})
  )
})

await t.test('rejects the change of a flag that the pod does not have', async t => {
  const args = ['serve', '--listen-port=3000', '--layout=v2']
  t.strictSame(withFlags(args, { 'listen-port': '1' }), ['serve', '--listen-port=1', '--layout=v2'])
  t.throws(() => withFlags(args, { 'admin-port': '1' }), /not started with --admin-port/)
})

await t.test('finds exactly one object by kind and name suffix', async t => {
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'a-sync' },
    spec: { template: { spec: { containers: [{ args: ['sync-schema'] }] } } }
  }
  t.strictSame(argsOf(pick([job], 'Job', '-sync').spec), ['sync-schema'])
  t.throws(() => pick([job], 'Job', '-load'), /0 objects Job -load/)
  t.throws(() => pick([job, job], 'Job'), /2 objects Job/)
})
