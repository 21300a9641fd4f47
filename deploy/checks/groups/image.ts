// The one image: that it builds without a daemon, holds what it should and no more, and runs as Kubernetes would run it. What judges it is
// also shown an image with faults, each of which it has to name.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modes } from '../../../src/cli/modes.ts'
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { REVISION, workshopOf, type Workshop } from '../image/build.ts'
import { configFaults, ENTRY_FORMAT, entriesOf, fileFaults, type Lock } from '../image/facts.ts'
import type { Image } from '../image/container.ts'
import { serveChecks } from '../image/serve.ts'

export const image: Group = {
  name: 'image',
  about: 'the container image, built and run without a daemon',
  tools: ['buildah', 'mmdebstrap', 'unshare'],
  checks: async context => {
    const workshop = workshopOf(context)
    return await Promise.resolve([...built(context, workshop), ...runs(context, workshop)])
  }
}

/** What was built. */
function built (context: Context, workshop: Workshop): Check[] {
  const files = async ({ folder }: Image) =>
    entriesOf(await (await workshop.root()).must('find', [folder, '-xdev', '-mindepth', '1', '-printf', ENTRY_FORMAT]))
  const lock = async () => JSON.parse(await readFile(join(context.root, 'package-lock.json'), 'utf8')) as Lock
  const expected = async () => ({
    version: (JSON.parse(await readFile(join(context.root, 'package.json'), 'utf8')) as { version: string }).version, revision: REVISION
  })
  const faultsOf = async (
    image: Image
  ) => [...configFaults(image.config, await expected()), ...fileFaults(await files(image), await lock())]
  return [{
    title: 'it builds without a daemon, as a user without an image registry would build it',
    run: async () => { await workshop.image() }
  }, {
    title: 'its user, entry point, environment, health check and labels are those that were decided',
    run: async () => { none(configFaults((await workshop.image()).config, await expected()), 'faults') }
  }, {
    title:
      'it contains the program, production packages, schemas and a sample visit, is below 300 MB, and no file is writable or setuid',
    run: async () => {
      const entries = await files(await workshop.image())
      none(fileFaults(entries, await lock()), 'faults')
      context.progress(
        `the image holds ${Math.round(entries.reduce((sum, { type, size }) => type === 'f' ? sum + size : sum, 0) / 1e6)} MB`
      )
    }
  }, {
    title:
      'fault: root, a shell as entry point, another label, a dev dependency, a compiler, tests, a world-writable file: each is refused',
    run: async () => {
      const found = await faultsOf(await workshop.variant('faults', [
        'USER root',
        'ENTRYPOINT alert-stream',
        'LABEL org.opencontainers.image.revision=unknown',
        // Made here and not copied: the context holds nothing of it.
          'RUN mkdir -p /app/node_modules/typescript /app/test && echo "{}" > /app/node_modules/typescript/package.json && ' +
            'touch /usr/bin/gcc && chmod 666 /app/package.json && chmod u+s /usr/bin/env'
      ]))
      const wanted = [
        'runs as root',
        'the entry point is ["/bin/sh"',
        'its label revision is',
        'app/node_modules/typescript is a development dependency',
        'usr/bin/gcc is there',
        'app/test is no part', 'app/package.json can be written', 'usr/bin/env makes its caller'
      ]
      none(
        wanted.filter(start => !found.some(fault => fault.startsWith(start))).map(start => `not refused: ${start}`),
        `of ${found.length} faults`
      )
    }
  }]
}

/** As it runs. Short runs share a container: the shell prints what each of them gave. */
function runs (context: Context, workshop: Workshop): Check[] {
  const { shell } = workshop
  return [{
    title: 'each mode answers --help on its standard output',
    run: async () => {
      const names = modes.names
      const said = await shell(
        `for mode in ${names.join(' ')}; do alert-stream $mode --help > /tmp/out 2> /tmp/err; ` +
        'echo "$mode: $? $(wc -c < /tmp/err) $(head -n 1 /tmp/out)"; done'
      )
      const lines = said.trim().split('\n')
      none(
        names.filter(name => !lines.some(line => line.startsWith(`${name}: 0 0 Usage: alert-stream ${name}`))).map(name =>
          lines.find(line => line.startsWith(`${name}:`)) ?? name
        ),
        'modes that do not'
      )
    }
  }, {
    title: 'it says its version and revision, and reads every variable that the image sets',
    run: async () => {
      const { version } = JSON.parse(await readFile(join(context.root, 'package.json'), 'utf8')) as { version: string }
      const said = await shell(
        'alert-stream --version; alert-stream config > /tmp/config 2> /tmp/err; echo "$? $(wc -c < /tmp/err)"; ' +
          'grep -c "environment ALERT_STREAM_SCHEMA_PACKAGE" /tmp/config'
      )
      if (said !== `${version} (revision ${REVISION})\n0 0\n3\n`) throw new Fault('it says otherwise', said)
    }
  }, {
    title: 'the sample visit is made anew byte for byte by generate, with the schemas of the image',
    run: async () => {
      const said = await shell(
        'alert-stream generate /tmp/again.avro --alerts 200 --codec deflate && ' +
          'cmp /tmp/again.avro /usr/share/alert-stream/sample-visit.avro && echo equal'
      )
      if (!said.endsWith('equal\n')) throw new Fault('it is not', said)
    }
  }, {
    title: 'modes that need servers say which one is missing; the demo says that it is out of place',
    run: async () => {
      const said = await shell(`
        cd /usr/share/alert-stream
        alert-stream create-stream sample-visit.avro --broker 127.0.0.1:9 2>&1; echo "exit $?"
        alert-stream sync-schema --schema-registry-url http://127.0.0.1:9 2>&1; echo "exit $?"
        alert-stream ingest --alert-store file:///tmp/archive --broker 127.0.0.1:9 2>&1; echo "exit $?"
        cd /tmp; alert-stream demo 2>&1; echo "exit $?"`)
      const wanted = [/KAFKA_UNREACHABLE.*127\.0\.0\.1:9/, /REGISTRY_UNAVAILABLE.*127\.0\.0\.1:9/, /run the demo from a checkout/]
      none(wanted.filter(pattern => !pattern.test(said)).map(String), `not said in:\n${said}`)
      if ((said.match(/exit 1/g) ?? []).length !== 4) throw new Fault('not every one of them failed', said)
    }
  }, ...serveChecks(context, workshop)]
}
