output "name" {
  description = "Name of the cluster."
  value       = google_container_cluster.this.name
}

output "location" {
  description = "Region of the cluster."
  value       = google_container_cluster.this.location
}

output "endpoint" {
  description = "Address of the control plane."
  value       = google_container_cluster.this.endpoint
}

output "workload_identity_pool" {
  description = "The cluster's workload identity pool, known when the cluster is there: pass it to the module alertdb."
  value       = google_container_cluster.this.workload_identity_config[0].workload_pool
}

output "network" {
  description = "The network."
  value       = local.network
}

output "node_service_account" {
  description = "E-mail address of the service account of the general pool's nodes."
  value       = google_service_account.nodes.email
}

output "credentials_command" {
  description = "What gives kubectl access to the cluster."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.this.name} --project ${var.project_id} --region ${google_container_cluster.this.location}${var.private_endpoint ? " --internal-ip" : ""}"
}
