# What the charts need to know.

locals {
  helm_values = {
    alert-stream-broker = module.addresses.helm_values
    alert-database      = module.alertdb.helm_values
  }
}

output "helm_values" {
  description = "Values for the umbrella chart, YAML: `tofu output -raw helm_values > values.yaml`."
  value       = yamlencode(local.helm_values)
}

output "dns_records" {
  description = "The DNS records that must exist; to be entered by hand where no zone of Cloud DNS gets them."
  value       = module.addresses.dns_records
}

output "buckets" {
  description = "The archive's buckets."
  value       = { alerts = module.alertdb.alert_bucket, schemas = module.alertdb.schema_bucket }
}

output "alerts_kept" {
  description = "What becomes of alerts: days after which they are purged, for which nobody can delete them, and for which deleted ones can be restored."
  value       = module.alertdb.alerts_kept
}

output "kafka_nodes" {
  description = "Label and taint of the Kafka nodes."
  value       = module.kafka_node_pool.dedicated
}

output "kubernetes_service_accounts" {
  description = "Kubernetes service accounts that may act as the archive's writer, reader and indexer."
  value       = module.alertdb.kubernetes_service_accounts
}

output "ingress_address" {
  description = "Address for the ingress controller's Service; null where there are no `ingress_hosts`."
  value       = module.addresses.ingress_address
}

output "name_servers" {
  description = "Name servers to be entered in the zone above, where a zone is made."
  value       = module.addresses.name_servers
}

output "credentials_command" {
  description = "What gives kubectl access to the cluster."
  value       = module.cluster.credentials_command
}
