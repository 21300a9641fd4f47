output "name" {
  description = "Name of the pool."
  value       = google_container_node_pool.kafka.name
}

output "node_service_account" {
  description = "E-mail address of the service account of the nodes."
  value       = local.service_account
}

output "dedicated" {
  description = "Label and taint of the nodes: what the brokers' affinity and toleration must say."
  value       = { key = var.dedicated.key, value = var.dedicated.value, effect = "NoSchedule" }
}

output "brokers" {
  description = "How many brokers have a node of their own, always."
  value       = length(var.zones) * var.nodes_per_zone.min
}
