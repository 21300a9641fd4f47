# Nodes for Kafka, its brokers and controllers, and for nothing else (DMTN-210 3.2.1.4): their network and memory are theirs.

locals {
  account_id      = substr(replace("${var.cluster}-${var.name}", "/-+/", "-"), 0, 30)
  service_account = var.node_service_account == null ? google_service_account.nodes[0].email : var.node_service_account
}

resource "google_container_node_pool" "kafka" {
  project        = var.project_id
  name           = var.name
  cluster        = var.cluster
  location       = var.location
  node_locations = var.zones

  initial_node_count = var.nodes_per_zone.min

  autoscaling {
    min_node_count = var.nodes_per_zone.min
    max_node_count = var.nodes_per_zone.max
    # ANY would look for the cheapest zone; a broker can only run in that of its disk.
    location_policy = "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # One node at a time, and its successor first. A drained node waits for the broker's PodDisruptionBudget, up to an hour.
  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = var.machine_type
    image_type      = "COS_CONTAINERD"
    disk_type       = var.boot_disk.type
    disk_size_gb    = var.boot_disk.size_gb
    spot            = var.spot
    service_account = local.service_account
    # What the nodes may do is said by the service account's roles.
    oauth_scopes = ["https://www.googleapis.com/auth/cloud-platform"]

    labels          = merge(var.labels, { (var.dedicated.key) = var.dedicated.value })
    resource_labels = var.resource_labels
    tags            = var.network_tags

    taint {
      key    = var.dedicated.key
      value  = var.dedicated.value
      effect = "NO_SCHEDULE"
    }

    metadata = {
      disable-legacy-endpoints = "true"
    }

    # Pods get the identity of their own service account, never the node's.
    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    gvnic {
      enabled = true
    }
  }

  lifecycle {
    # The autoscaler's from the first day on.
    ignore_changes = [initial_node_count]

    precondition {
      condition     = alltrue([for zone in var.zones : startswith(zone, var.location)])
      error_message = "All zones must lie in the cluster's location, ${var.location}."
    }
    precondition {
      # These families have no persistent disks of the old kinds.
      condition     = !can(regex("^(c4|c4a|c4d|n4)-", var.machine_type)) || var.boot_disk.type == "hyperdisk-balanced"
      error_message = "Machines of the families C4 and N4 take Hyperdisks only: boot_disk.type must be hyperdisk-balanced (and the brokers' StorageClass must make Hyperdisks too)."
    }
  }
}

resource "google_service_account" "nodes" {
  count = var.node_service_account == null ? 1 : 0

  project      = var.project_id
  account_id   = trimsuffix(local.account_id, "-")
  display_name = "Nodes of ${var.name} in ${var.cluster}"
}

# Logs, metrics and what else a node cannot do without.
resource "google_project_iam_member" "node" {
  count = var.node_service_account == null ? 1 : 0

  project = var.project_id
  role    = "roles/container.defaultNodeServiceAccount"
  member  = "serviceAccount:${google_service_account.nodes[0].email}"
}

resource "google_project_iam_member" "registry_reader" {
  for_each = var.node_service_account == null ? var.registry_projects : []

  project = each.value
  role    = "roles/artifactregistry.reader"
  member  = "serviceAccount:${google_service_account.nodes[0].email}"
}
