#!/usr/bin/env bash
# Installs the environment `local` in a kind cluster on this machine. Run it again after a change: each step creates or updates.
#
#   deploy/kind.sh            create the cluster, build and load the image, install the charts, run their tests
#   deploy/kind.sh delete     delete the cluster and all its data
#
# Needs kind, helm, kubectl, and docker or podman, with about 8 GB of memory for containers. CONTAINER=podman selects podman.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cluster=alert-stream
namespace=alert-stream-broker
context=kind-$cluster
container=${CONTAINER:-docker}
strimzi=1.2.0
[[ $container != podman ]] || export KIND_EXPERIMENTAL_PROVIDER=podman

fail() { echo "kind.sh: $*" >&2; exit 1; }
for program in kind helm kubectl "$container"; do
  command -v "$program" > /dev/null || fail "$program is not installed"
done
# Always with the context of this cluster, because the current context may be another cluster.
kubectl() { command kubectl --context "$context" "$@"; }
helm() { command helm --kube-context "$context" "$@"; }

case ${1:-install} in
  install) ;;
  delete) kind delete cluster --name "$cluster"; exit ;;
  *) fail "unknown argument $1; usage: deploy/kind.sh [delete]" ;;
esac

kind get clusters | grep -qx "$cluster" || kind create cluster --name "$cluster" --config deploy/kind.yaml --wait 5m

# The tag is the image's id, so that a changed image restarts its pods.
repository=ghcr.io/lsst-dm/alert-stream
build=("$container" build -f Containerfile -t "$repository:local")
# Podman's default format has no health checks.
[[ $container != podman ]] || build+=(--format docker)
"${build[@]}" .
id=$("$container" image inspect --format '{{.Id}}' "$repository:local")
id=${id#sha256:}
image=$repository:${id:0:12}
"$container" tag "$repository:local" "$image"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$container" save "$image" -o "$scratch/image.tar"
kind load image-archive "$scratch/image.tar" --name "$cluster"

# Strimzi binds its roles in the namespace that it watches, so the namespace comes first.
kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f -
helm upgrade --install strimzi strimzi-kafka-operator --repo https://strimzi.io/charts --version "$strimzi" \
  --namespace strimzi --create-namespace --values deploy/helm/strimzi/values.yaml --wait --timeout 10m
helm upgrade --install strimzi-registry-operator deploy/helm/strimzi-registry-operator \
  --namespace strimzi-registry-operator --create-namespace --wait --timeout 10m
helm upgrade --install alert-stream deploy/helm/alert-stream \
  --namespace "$namespace" --values deploy/environments/local.yaml --set-string "global.image.tag=${image##*:}" --timeout 35m
helm test alert-stream --namespace "$namespace" --logs

cat << END

Kafka    localhost:31094, SCRAM-SHA-512 over TLS, user developer
         kubectl --context $context -n $namespace get secret developer -o jsonpath='{.data.password}' | base64 -d
         kubectl --context $context -n $namespace get secret alert-broker-cluster-ca-cert -o jsonpath='{.data.ca\.crt}' | base64 -d > ca.crt
Archive  kubectl --context $context -n $namespace port-forward service/alert-database 3000
         curl localhost:3000/alertdb/v1/health
END
