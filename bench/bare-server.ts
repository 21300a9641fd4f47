// Reference server for bench/serve.ts: serves the same files with node:http and node:zlib, without routing, validation, caching headers
// or load shedding. bench/serve.ts runs `node bench/bare-server.ts ROOT PORT` as a child process, which sends 'ready' over the IPC channel.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { alertKey } from '../src/stores/index.ts'

const [root = '', port = ''] = process.argv.slice(2)
createServer((request, response) => {
  readFile(join(root, alertKey('v2', request.url?.split('/').at(-1) ?? '')))
    .then(gz => response.setHeader('content-type', 'application/octet-stream').end(gunzipSync(gz)), () => response.writeHead(404).end())
}).listen(Number(port), '127.0.0.1', () => { process.send?.('ready') })
