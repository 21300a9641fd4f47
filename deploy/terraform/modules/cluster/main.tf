# A cluster for those who have none. Rubin's is there already (its Terraform is lsst/idf_deploy): then only the Kafka pool is added to it.

locals {
  backup = var.backup.enabled
}

resource "google_container_cluster" "this" {
  project        = var.project_id
  name           = var.name
  location       = var.region
  node_locations = length(var.zones) > 0 ? var.zones : null

  # The pool that a cluster is born with cannot be shaped: it is dropped, and the pool below takes its place.
  remove_default_node_pool = true
  initial_node_count       = 1

  network         = local.network
  subnetwork      = local.subnetwork
  networking_mode = "VPC_NATIVE"

  ip_allocation_policy {
    cluster_secondary_range_name  = var.network.pods_range
    services_secondary_range_name = var.network.services_range
  }

  # Dataplane V2: the charts' NetworkPolicies hold, without a further component.
  datapath_provider = "ADVANCED_DATAPATH"

  dynamic "private_cluster_config" {
    for_each = var.private_nodes ? [1] : []
    content {
      enable_private_nodes    = true
      enable_private_endpoint = var.private_endpoint
      master_ipv4_cidr_block  = var.control_plane_cidr
    }
  }

  # Without this block, the control plane is open to the internet. With it, GKE still admits the public addresses of all Google Cloud customers
  # unless that is switched off.
  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false

    dynamic "cidr_blocks" {
      for_each = var.authorized_networks
      content {
        display_name = cidr_blocks.key
        cidr_block   = cidr_blocks.value
      }
    }
  }

  # Pods act as Google service accounts without keys: ingester and server reach their buckets by this.
  workload_identity_config {
    workload_pool = "${var.project_id}.svc.id.goog"
  }

  # What the default pool is born with, for the minutes that it lives: the project's own default account may be disabled.
  node_config {
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  release_channel {
    channel = var.release_channel
  }

  maintenance_policy {
    recurring_window {
      start_time = var.maintenance.start
      end_time   = var.maintenance.end
      recurrence = var.maintenance.recurrence
    }

    dynamic "maintenance_exclusion" {
      for_each = var.maintenance.exclusions
      content {
        exclusion_name = maintenance_exclusion.key
        start_time     = maintenance_exclusion.value.start
        end_time       = maintenance_exclusion.value.end
        exclusion_options {
          scope = "NO_MINOR_UPGRADES"
        }
      }
    }
  }

  addons_config {
    http_load_balancing {
      disabled = false
    }
    horizontal_pod_autoscaling {
      disabled = false
    }
    # Disks that can be enlarged: Kafka's are, over the years.
    gce_persistent_disk_csi_driver_config {
      enabled = true
    }
    dns_cache_config {
      enabled = true
    }
    gke_backup_agent_config {
      enabled = local.backup
    }
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS"]
  }

  monitoring_config {
    # What tells of pods and their controllers comes by Google's own collection only.
    enable_components = concat(["SYSTEM_COMPONENTS"], var.managed_prometheus ? ["STORAGE", "POD", "DEPLOYMENT", "STATEFULSET", "HPA"] : [])
    managed_prometheus {
      enabled = var.managed_prometheus
    }
  }

  resource_labels     = var.labels
  deletion_protection = var.deletion_protection

  lifecycle {
    # The default pool's, which is gone.
    ignore_changes = [node_config, initial_node_count]

    precondition {
      condition     = var.private_endpoint || length(var.authorized_networks) > 0
      error_message = "authorized_networks is empty: name the address ranges that may reach the control plane, or set private_endpoint."
    }
    precondition {
      condition     = var.private_nodes || !var.private_endpoint
      error_message = "private_endpoint needs private_nodes: GKE offers a private endpoint for private clusters only."
    }
  }
}

resource "google_container_node_pool" "general" {
  project            = var.project_id
  name               = "general"
  cluster            = google_container_cluster.this.name
  location           = var.region
  initial_node_count = var.general_pool.min

  autoscaling {
    min_node_count  = var.general_pool.min
    max_node_count  = var.general_pool.max
    location_policy = "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = var.general_pool.machine_type
    image_type      = "COS_CONTAINERD"
    disk_type       = var.general_pool.disk_type
    disk_size_gb    = var.general_pool.disk_size_gb
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = var.labels

    metadata = {
      disable-legacy-endpoints = "true"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }

  lifecycle {
    ignore_changes = [initial_node_count]
  }
}

resource "google_service_account" "nodes" {
  project      = var.project_id
  account_id   = "${var.name}-nodes"
  display_name = "Nodes of ${var.name}"
}

# Logs, metrics and what else a node cannot do without; nothing of the project's data.
resource "google_project_iam_member" "node" {
  project = var.project_id
  role    = "roles/container.defaultNodeServiceAccount"
  member  = "serviceAccount:${google_service_account.nodes.email}"
}

resource "google_gke_backup_backup_plan" "this" {
  count = local.backup ? 1 : 0

  project  = var.project_id
  name     = var.name
  cluster  = google_container_cluster.this.id
  location = var.region

  backup_config {
    include_secrets     = true
    include_volume_data = var.backup.volumes
    selected_namespaces {
      namespaces = var.backup.namespaces
    }
  }

  backup_schedule {
    cron_schedule = var.backup.schedule
  }

  retention_policy {
    backup_retain_days = var.backup.days
  }
}
