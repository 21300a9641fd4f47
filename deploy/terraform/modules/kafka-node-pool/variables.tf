variable "project_id" {
  description = "Google Cloud project of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id (6 to 30 lower-case letters, digits and hyphens), not its name or number."
  }
}

variable "cluster" {
  description = "Name of the GKE cluster that gets the pool."
  type        = string
}

variable "location" {
  description = "Where the cluster is: a region for a regional cluster, a zone for a zonal one."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+(-[a-z])?$", var.location))
    error_message = "location is a region (us-central1) or a zone (us-central1-b)."
  }
}

variable "name" {
  description = "Name of the pool."
  type        = string
  default     = "kafka-pool"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "name has at most 40 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "zones" {
  description = "Zones of the nodes: three for three brokers, one in each, so that the loss of a zone is the loss of one replica. A broker's disk lies in one zone and the broker never leaves it."
  type        = list(string)

  validation {
    condition     = length(var.zones) > 0 && length(var.zones) == length(distinct(var.zones)) && alltrue([for zone in var.zones : can(regex("^[a-z]+-[a-z]+[0-9]+-[a-z]$", zone))])
    error_message = "zones are one or more different zones, such as us-central1-a."
  }
}

variable "nodes_per_zone" {
  description = "Nodes in each zone: `min` are always there, up to `max` are made where a broker finds no room (while a node is replaced, or for a second broker of a zone)."
  type = object({
    min = number
    max = number
  })
  default = { min = 1, max = 2 }

  validation {
    condition     = var.nodes_per_zone.min >= 1 && var.nodes_per_zone.max >= var.nodes_per_zone.min
    error_message = "nodes_per_zone needs min >= 1 and max >= min: a broker whose zone has no node cannot run."
  }
}

variable "machine_type" {
  description = "Machine type. A broker's memory beyond its Java heap is its page cache: consumers that keep up are served from it."
  type        = string
  default     = "n2-standard-8"
}

variable "boot_disk" {
  description = "The nodes' own disks: images and logs, no alerts. Alerts are on persistent disks that the chart asks for by its StorageClass; see the README for which."
  type = object({
    type    = optional(string, "pd-balanced")
    size_gb = optional(number, 100)
  })
  default = {}

  validation {
    condition     = contains(["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"], var.boot_disk.type)
    error_message = "boot_disk.type is pd-standard, pd-balanced, pd-ssd or hyperdisk-balanced."
  }

  validation {
    condition     = var.boot_disk.size_gb >= 30
    error_message = "boot_disk.size_gb is at least 30: the node's own system needs that."
  }
}

variable "dedicated" {
  description = "Label and taint of the nodes, as `KEY=VALUE`. The brokers' affinity and toleration in the chart alert-stream-broker (`kafka.nodePool`) must say the same."
  type = object({
    key   = optional(string, "kafka")
    value = optional(string, "ok")
  })
  default = {}
}

variable "labels" {
  description = "More Kubernetes labels of the nodes."
  type        = map(string)
  default     = {}
}

variable "resource_labels" {
  description = "Labels of the machines and disks in Google Cloud, for example for billing."
  type        = map(string)
  default     = {}
}

variable "network_tags" {
  description = "Network tags of the machines, for firewall rules."
  type        = list(string)
  default     = []
}

variable "node_service_account" {
  description = "E-mail address of the service account of the nodes; default: one is made that may do what a node needs (logs, metrics, registry) and no more. Compute Engine's default account, which can do nearly everything in a project, is refused."
  type        = string
  default     = null

  validation {
    condition     = var.node_service_account == null || try(can(regex("^[^@]+@[^@]+$", var.node_service_account)) && !endswith(var.node_service_account, "-compute@developer.gserviceaccount.com"), false)
    error_message = "node_service_account is the e-mail address of a service account, and not Compute Engine's default one."
  }
}

variable "registry_projects" {
  description = "Projects whose Artifact Registry the nodes read images from; none is needed for public images (ghcr.io). For a service account that is made here only."
  type        = set(string)
  default     = []
}

variable "spot" {
  description = "Use spot machines: cheap, and taken away at any time. For throw-away environments only; a broker that is taken away is not drained."
  type        = bool
  default     = false
}
