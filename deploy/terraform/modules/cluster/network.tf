# A network of the cluster's own, unless one is given.

locals {
  network    = var.network.create ? google_compute_network.this[0].id : var.network.network
  subnetwork = var.network.create ? google_compute_subnetwork.this[0].id : var.network.subnetwork
}

resource "google_compute_network" "this" {
  count = var.network.create ? 1 : 0

  project                 = var.project_id
  name                    = var.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "this" {
  count = var.network.create ? 1 : 0

  project       = var.project_id
  region        = var.region
  name          = var.name
  network       = google_compute_network.this[0].id
  ip_cidr_range = var.network.nodes_cidr
  # To the buckets without a way over the internet and NAT, which is paid for by the byte.
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = var.network.pods_range
    ip_cidr_range = var.network.pods_cidr
  }

  secondary_ip_range {
    range_name    = var.network.services_range
    ip_cidr_range = var.network.services_cidr
  }
}

resource "google_compute_router" "this" {
  count = var.network.create && var.private_nodes ? 1 : 0

  project = var.project_id
  region  = var.region
  name    = var.name
  network = google_compute_network.this[0].id
}

resource "google_compute_router_nat" "this" {
  count = var.network.create && var.private_nodes ? 1 : 0

  project                            = var.project_id
  region                             = var.region
  name                               = var.name
  router                             = google_compute_router.this[0].name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# GKE itself lets the control plane reach ports 443 and 10250 of private nodes only.
resource "google_compute_firewall" "webhooks" {
  count = var.network.create && var.private_nodes && length(var.webhook_ports) > 0 ? 1 : 0

  project       = var.project_id
  name          = "${var.name}-webhooks"
  description   = "Admission webhooks, for the control plane."
  network       = google_compute_network.this[0].id
  direction     = "INGRESS"
  source_ranges = [var.control_plane_cidr]

  allow {
    protocol = "tcp"
    ports    = [for port in var.webhook_ports : tostring(port)]
  }
}
