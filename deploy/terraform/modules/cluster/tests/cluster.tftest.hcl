mock_provider "google" {}

override_resource {
  target = google_service_account.nodes
  values = {
    email = "alert-stream-nodes@alert-stream-test.iam.gserviceaccount.com"
  }
}

variables {
  project_id          = "alert-stream-test"
  region              = "us-central1"
  authorized_networks = { office = "192.0.2.0/24" }
}

run "regional_and_protected" {
  command = plan
  assert {
    condition     = length(google_container_cluster.this.master_authorized_networks_config) == 1 && google_container_cluster.this.master_authorized_networks_config[0].gcp_public_cidrs_access_enabled == false
    error_message = "the control plane admits authorized networks only, and no public addresses of Google Cloud"
  }
  assert {
    condition     = google_container_cluster.this.location == "us-central1" && google_container_cluster.this.name == "alert-stream" && output.location == "us-central1" && output.name == "alert-stream"
    error_message = "a regional cluster"
  }
  assert {
    condition     = google_container_cluster.this.deletion_protection
    error_message = "the cluster must not be destroyed by a slip"
  }
  assert {
    condition     = google_container_cluster.this.remove_default_node_pool && google_container_cluster.this.initial_node_count == 1
    error_message = "the default pool goes"
  }
  assert {
    condition     = google_container_cluster.this.release_channel[0].channel == "REGULAR"
    error_message = "release channel"
  }
}

run "what_the_charts_rely_on" {
  command = plan
  assert {
    condition     = google_container_cluster.this.workload_identity_config[0].workload_pool == "alert-stream-test.svc.id.goog" && output.workload_identity_pool == "alert-stream-test.svc.id.goog"
    error_message = "Workload Identity"
  }
  assert {
    condition     = google_container_cluster.this.datapath_provider == "ADVANCED_DATAPATH"
    error_message = "NetworkPolicies need Dataplane V2"
  }
  assert {
    condition     = google_container_cluster.this.addons_config[0].gce_persistent_disk_csi_driver_config[0].enabled
    error_message = "disks must be able to grow"
  }
  assert {
    condition     = google_container_cluster.this.networking_mode == "VPC_NATIVE" && google_container_cluster.this.ip_allocation_policy[0].cluster_secondary_range_name == "pods" && google_container_cluster.this.ip_allocation_policy[0].services_secondary_range_name == "services"
    error_message = "VPC-native"
  }
  assert {
    condition     = contains(google_container_cluster.this.logging_config[0].enable_components, "WORKLOADS") && google_container_cluster.this.monitoring_config[0].enable_components == toset(["SYSTEM_COMPONENTS"]) && !google_container_cluster.this.monitoring_config[0].managed_prometheus[0].enabled
    error_message = "logs of the programs, metrics of the system"
  }
}

run "nodes_are_private_and_hardened" {
  command = apply
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes && !google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "private nodes, a control plane that can be reached"
  }
  assert {
    condition     = google_compute_router_nat.this[0].router == "alert-stream" && google_compute_subnetwork.this[0].private_ip_google_access
    error_message = "NAT to the internet, a direct way to Google"
  }
  assert {
    condition     = google_compute_firewall.webhooks[0].source_ranges == toset(["172.16.0.0/28"]) && one(google_compute_firewall.webhooks[0].allow).ports == tolist(["8443"])
    error_message = "webhooks, from the control plane only"
  }
  assert {
    condition     = google_container_node_pool.general.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA" && google_container_node_pool.general.node_config[0].shielded_instance_config[0].enable_secure_boot
    error_message = "shielded nodes whose identity pods do not get"
  }
  assert {
    condition     = google_container_node_pool.general.node_config[0].service_account == "alert-stream-nodes@alert-stream-test.iam.gserviceaccount.com" && google_project_iam_member.node.role == "roles/container.defaultNodeServiceAccount" && output.node_service_account == google_container_node_pool.general.node_config[0].service_account
    error_message = "nodes with a small identity"
  }
  assert {
    condition     = length(google_container_node_pool.general.node_config[0].taint) == 0
    error_message = "everybody may come to the general pool"
  }
  assert {
    condition     = output.credentials_command == "gcloud container clusters get-credentials alert-stream --project alert-stream-test --region us-central1"
    error_message = "output credentials_command"
  }
  assert {
    condition     = output.endpoint == google_container_cluster.this.endpoint && output.network == google_compute_network.this[0].id
    error_message = "outputs endpoint and network"
  }
}

run "upgrades_come_by_day" {
  command = plan
  assert {
    condition     = google_container_cluster.this.maintenance_policy[0].recurring_window[0].start_time == "2026-01-01T14:00:00Z" && google_container_cluster.this.maintenance_policy[0].recurring_window[0].end_time == "2026-01-01T20:00:00Z" && google_container_cluster.this.maintenance_policy[0].recurring_window[0].recurrence == "FREQ=WEEKLY;BYDAY=TU,WE,TH"
    error_message = "a window at midday in Chile"
  }
  assert {
    condition     = length(google_container_cluster.this.maintenance_policy[0].maintenance_exclusion) == 0
    error_message = "no exclusions by default"
  }
  assert {
    condition     = google_container_node_pool.general.upgrade_settings[0].max_unavailable == 0
    error_message = "the successor comes first"
  }
}

run "backup_is_off_by_default" {
  command = plan
  assert {
    condition     = length(google_gke_backup_backup_plan.this) == 0 && !google_container_cluster.this.addons_config[0].gke_backup_agent_config[0].enabled
    error_message = "no backup unless asked"
  }
}

run "backup_of_objects_and_secrets" {
  command = plan
  variables {
    backup = { enabled = true, days = 7 }
  }
  assert {
    condition     = google_container_cluster.this.addons_config[0].gke_backup_agent_config[0].enabled
    error_message = "the agent"
  }
  assert {
    condition     = google_gke_backup_backup_plan.this[0].backup_config[0].include_secrets && !google_gke_backup_backup_plan.this[0].backup_config[0].include_volume_data && google_gke_backup_backup_plan.this[0].backup_config[0].selected_namespaces[0].namespaces == tolist(["alert-stream-broker"])
    error_message = "objects and Secrets of the one namespace, no disks"
  }
  assert {
    condition     = google_gke_backup_backup_plan.this[0].retention_policy[0].backup_retain_days == 7 && google_gke_backup_backup_plan.this[0].backup_schedule[0].cron_schedule == "0 16 * * *"
    error_message = "schedule and days"
  }
}

run "network_of_somebody_else" {
  command = plan
  variables {
    network = { create = false, network = "science-vpc", subnetwork = "science-subnet", pods_range = "kubernetes-pods", services_range = "kubernetes-services" }
  }
  assert {
    condition     = google_container_cluster.this.network == "science-vpc" && google_container_cluster.this.subnetwork == "science-subnet" && google_container_cluster.this.ip_allocation_policy[0].cluster_secondary_range_name == "kubernetes-pods"
    error_message = "the network that was given"
  }
  assert {
    condition     = length(google_compute_network.this) + length(google_compute_subnetwork.this) + length(google_compute_router_nat.this) + length(google_compute_firewall.webhooks) == 0
    error_message = "nothing is made in it"
  }
}

run "public_nodes" {
  command = plan
  variables {
    private_nodes = false
  }
  assert {
    condition     = length(google_container_cluster.this.private_cluster_config) == 0 && length(google_compute_router_nat.this) == 0 && length(google_compute_firewall.webhooks) == 0
    error_message = "no NAT and no rule for nodes that have addresses of their own"
  }
}

run "everything_else_is_a_choice" {
  command = plan
  variables {
    name                = "alerts"
    region              = "europe-west1"
    zones               = ["europe-west1-b", "europe-west1-c"]
    network             = { nodes_cidr = "10.0.0.0/22", pods_cidr = "10.4.0.0/16", services_cidr = "10.8.0.0/20" }
    control_plane_cidr  = "172.16.1.0/28"
    webhook_ports       = []
    authorized_networks = { office = "192.0.2.0/24" }
    release_channel     = "STABLE"
    maintenance         = { start = "2026-01-01T15:00:00Z", end = "2026-01-01T21:00:00Z", recurrence = "FREQ=DAILY", exclusions = { commissioning = { start = "2026-06-01T00:00:00Z", end = "2026-06-30T00:00:00Z" } } }
    deletion_protection = false
    general_pool        = { machine_type = "e2-standard-8", min = 2, max = 4, disk_type = "pd-ssd", disk_size_gb = 50 }
    managed_prometheus  = true
    backup              = { enabled = true, namespaces = ["a", "b"], schedule = "0 3 * * 1", volumes = true }
    labels              = { cost = "alerts" }
  }
  assert {
    condition     = google_container_cluster.this.node_locations == toset(["europe-west1-b", "europe-west1-c"]) && !google_container_cluster.this.deletion_protection && google_container_cluster.this.resource_labels == tomap({ cost = "alerts" })
    error_message = "zones, protection, labels"
  }
  assert {
    condition     = google_compute_subnetwork.this[0].ip_cidr_range == "10.0.0.0/22" && [for range in google_compute_subnetwork.this[0].secondary_ip_range : range.ip_cidr_range] == ["10.4.0.0/16", "10.8.0.0/20"]
    error_message = "ranges"
  }
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].master_ipv4_cidr_block == "172.16.1.0/28" && length(google_compute_firewall.webhooks) == 0
    error_message = "control plane's range, no webhooks"
  }
  assert {
    condition     = [for block in google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks : "${block.display_name} ${block.cidr_block}"] == ["office 192.0.2.0/24"]
    error_message = "authorized networks"
  }
  assert {
    condition     = google_container_cluster.this.release_channel[0].channel == "STABLE" && google_container_cluster.this.monitoring_config[0].managed_prometheus[0].enabled && contains(google_container_cluster.this.monitoring_config[0].enable_components, "POD")
    error_message = "channel, managed Prometheus"
  }
  assert {
    condition     = google_container_cluster.this.maintenance_policy[0].recurring_window[0].recurrence == "FREQ=DAILY" && one(google_container_cluster.this.maintenance_policy[0].maintenance_exclusion).exclusion_name == "commissioning" && one(google_container_cluster.this.maintenance_policy[0].maintenance_exclusion).exclusion_options[0].scope == "NO_MINOR_UPGRADES"
    error_message = "maintenance"
  }
  assert {
    condition     = google_container_node_pool.general.autoscaling[0].min_node_count == 2 && google_container_node_pool.general.autoscaling[0].max_node_count == 4 && google_container_node_pool.general.node_config[0].machine_type == "e2-standard-8" && google_container_node_pool.general.node_config[0].disk_type == "pd-ssd" && google_container_node_pool.general.node_config[0].disk_size_gb == 50
    error_message = "general pool"
  }
  assert {
    condition     = google_gke_backup_backup_plan.this[0].backup_config[0].include_volume_data && google_gke_backup_backup_plan.this[0].backup_config[0].selected_namespaces[0].namespaces == tolist(["a", "b"])
    error_message = "backup with disks"
  }
}

run "private_endpoint" {
  command = apply
  variables {
    private_endpoint    = true
    authorized_networks = {}
  }
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_endpoint && length(google_container_cluster.this.master_authorized_networks_config) == 1
    error_message = "no public address, and still no access for the whole network"
  }
  assert {
    condition     = endswith(output.credentials_command, " --internal-ip")
    error_message = "kubectl connects to the private address: ${output.credentials_command}"
  }
}
