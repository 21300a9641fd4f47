# From an empty project, by the committed variables. `tofu test` reads terraform.tfvars.

mock_provider "google" {}

run "all_of_it" {
  command = apply

  assert {
    condition     = length(google_project_service.this) == 9 && contains(keys(google_project_service.this), "gkebackup.googleapis.com")
    error_message = "the APIs that are needed, that of backups among them"
  }
  assert {
    condition     = alltrue([for service in google_project_service.this : !service.disable_on_destroy])
    error_message = "what others may use stays on"
  }
  assert {
    condition     = output.credentials_command == "gcloud container clusters get-credentials alert-stream --project alert-stream-prod --region us-central1"
    error_message = "cluster"
  }
  assert {
    condition     = output.kafka_nodes == { key = "kafka", value = "ok", effect = "NoSchedule" } && module.kafka_node_pool.brokers == var.brokers
    error_message = "a node for each broker"
  }
  assert {
    condition     = jsonencode(output.alerts_kept) == jsonencode({ purged_after_days = null, retained_days = 3653, restorable_days = 7 })
    error_message = "alerts are never purged, and nobody can delete them for ten years"
  }
  assert {
    condition     = output.ingress_address == module.addresses.addresses["ingress"] && output.ingress_address != null
    error_message = "an address for the ingress controller"
  }
}

# Known before anything is made: deploy/environments/prod can hold them.
run "values_for_the_charts" {
  command = plan

  assert {
    condition = yamldecode(output.helm_values)["alert-stream-broker"].externalListener == {
      bootstrap = { host = "alert-stream.example.org", addressName = "alert-stream-bootstrap" }
      brokers   = [for i in range(3) : { host = "alert-stream-broker-${i}.example.org", addressName = "alert-stream-broker-${i}" }]
    }
    error_message = "listener: ${output.helm_values}"
  }
  assert {
    condition     = yamldecode(output.helm_values)["alert-database"].storage.gcp == { project = "alert-stream-prod", alertBucket = output.buckets.alerts, schemaBucket = output.buckets.schemas }
    error_message = "buckets"
  }
  assert {
    condition     = output.kubernetes_service_accounts == { writer = "alert-stream-broker/alert-database-ingester", reader = "alert-stream-broker/alert-database-server", indexer = "alert-stream-broker/alert-database-indexer" }
    error_message = "service accounts of the charts"
  }
  assert {
    condition     = length(output.dns_records) == 6 && length(output.name_servers) == 0
    error_message = "records to enter by hand"
  }
}

run "a_zone_of_our_own" {
  command = apply
  variables {
    dns_zone = { name = "alerts", create = true, dns_name = "example.org." }
    backup   = { enabled = false }
  }

  assert {
    condition     = contains(keys(google_project_service.this), "dns.googleapis.com") && !contains(keys(google_project_service.this), "gkebackup.googleapis.com")
    error_message = "only the APIs that are needed"
  }
  assert {
    condition     = output.name_servers == module.addresses.name_servers
    error_message = "name servers"
  }
}

run "without_a_retention_period" {
  command = plan
  variables {
    retention_days = null
  }

  assert {
    condition     = jsonencode(output.alerts_kept) == jsonencode({ purged_after_days = null, retained_days = null, restorable_days = 7 })
    error_message = "kept, and restorable for a week"
  }
}
