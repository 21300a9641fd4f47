// If one of the two servers does not start, nothing keeps running. `npm run check:deploy` starts the real servers.
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startApiServer } from '../../../deploy/checks/apiserver/server.ts'
import { tempDir } from '../../support/stack.ts'

/** A program that Node runs, with the arguments of the real one. */
async function program (t: Test, text: string): Promise<string> {
  const path = join(await tempDir(t), 'program.mjs')
  await writeFile(path, `#!${process.execPath}\n${text}\n`)
  await chmod(path, 0o755)
  return path
}

function isRunning (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

await t.test('the error for an etcd that exits includes its output', async t => {
  const etcd = await program(t, "console.error('no such flag'); process.exit(2)")
  const folder = await tempDir(t)
  await t.rejects(startApiServer({ etcd, apiserver: '/bin/false', kubectl: '/bin/false' }, folder, process.env), {
    code: 'DEVSTACK_SERVER_DIED',
    message: /etcd exited with code 2.*\n.*no such flag/s
  })
})

await t.test('stops etcd if the API server does not start', async t => {
  const folder = await tempDir(t)
  const pids = join(folder, 'pid')
  const etcd = await program(t, `
    import { writeFileSync } from 'node:fs'
    import { createServer } from 'node:http'
    writeFileSync(${JSON.stringify(pids)}, String(process.pid))
    const { hostname, port } = new URL(process.argv[process.argv.indexOf('--listen-client-urls') + 1])
    createServer((request, response) => { response.end('{}') }).listen(Number(port), hostname)`)
  const apiserver = await program(t, "console.error('no etcd of mine'); process.exit(1)")
  await t.rejects(startApiServer({ etcd, apiserver, kubectl: '/bin/false' }, folder, process.env), {
    code: 'DEVSTACK_SERVER_DIED',
    message: /kube-apiserver exited with code 1.*no etcd of mine/s
  })
  t.equal(isRunning(Number(await readFile(pids, 'utf8'))), false)
})
