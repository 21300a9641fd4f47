variable "project_id" {
  description = "Google Cloud project of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id (6 to 30 lower-case letters, digits and hyphens), not its name or number."
  }
}

variable "name" {
  description = "Name of the cluster, and what the names of its network begin with."
  type        = string
  default     = "alert-stream"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$", var.name))
    error_message = "name has at most 22 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "region" {
  description = "Region. The cluster is regional: its control plane is in three zones and stays up when one is lost or it is upgraded."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a region (us-central1), not a zone."
  }
}

variable "zones" {
  description = "Zones of the nodes; none: Google chooses three. Give the Kafka pool's."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^[a-z]+-[a-z]+[0-9]+-[a-z]$", zone))])
    error_message = "zones are zones, such as us-central1-a."
  }
}

variable "network" {
  description = "The network. With `create` (the default) it is made, with these ranges; without, it is there already, and `network`, `subnetwork` and the names of the two secondary ranges must be given. The ranges must not overlap with anything that the network is peered with."
  type = object({
    create         = optional(bool, true)
    network        = optional(string)
    subnetwork     = optional(string)
    nodes_cidr     = optional(string, "10.128.0.0/22")
    pods_cidr      = optional(string, "10.132.0.0/16")
    services_cidr  = optional(string, "10.136.0.0/20")
    pods_range     = optional(string, "pods")
    services_range = optional(string, "services")
  })
  default = {}

  validation {
    condition     = var.network.create || (var.network.network != null && var.network.subnetwork != null)
    error_message = "network without create needs the names of network and subnetwork."
  }

  validation {
    condition     = alltrue([for range in [var.network.nodes_cidr, var.network.pods_cidr, var.network.services_cidr] : can(cidrhost(range, 0))])
    error_message = "nodes_cidr, pods_cidr and services_cidr are ranges such as 10.128.0.0/22."
  }
}

variable "private_nodes" {
  description = "Nodes have no addresses of their own on the internet; they reach it by NAT (made with the network). Clients reach Kafka by load balancers in either case."
  type        = bool
  default     = true
}

variable "control_plane_cidr" {
  description = "Range of the control plane, with `private_nodes`; needed for `webhook_ports`."
  type        = string
  default     = "172.16.0.0/28"

  validation {
    condition     = can(cidrhost(var.control_plane_cidr, 0)) && endswith(var.control_plane_cidr, "/28")
    error_message = "control_plane_cidr is a range of 16 addresses (/28)."
  }
}

variable "webhook_ports" {
  description = "Ports of admission webhooks that the control plane must reach on private nodes, beside 443 and 10250: 8443 is ingress-nginx's. A firewall rule in a network that is made here."
  type        = list(number)
  default     = [8443]
}

variable "private_endpoint" {
  description = "Give the control plane no public address. Administrators then reach it from the cluster's network only (a bastion host, Cloud VPN), and `authorized_networks` names ranges of that network. Default: a public address that admits `authorized_networks` only."
  type        = bool
  default     = false
}

variable "authorized_networks" {
  description = "Address ranges that may reach the control plane, NAME = RANGE. Required unless `private_endpoint`; the whole internet is refused."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for range in values(var.authorized_networks) : can(cidrhost(range, 0))])
    error_message = "authorized_networks are ranges, such as office = \"192.0.2.0/24\"."
  }

  # Two halves of the internet are also the internet.
  validation {
    condition     = alltrue([for range in values(var.authorized_networks) : try(tonumber(split("/", range)[1]) >= 8, true)])
    error_message = "A range of authorized_networks has a prefix of at least 8 bits: a larger one opens the control plane to strangers."
  }
}

variable "release_channel" {
  description = "How early the cluster gets new versions of Kubernetes. The charts need 1.30 or later."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "release_channel is RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "maintenance" {
  description = "When Google may upgrade: a window that recurs (`recurrence` as in RFC 5545), in UTC. The default is midday in Chile, when nothing is observed; Cloud wants at least 48 hours in 32 days. `exclusions` are times without upgrades of minor versions: NAME = { start, end }."
  type = object({
    start      = optional(string, "2026-01-01T14:00:00Z")
    end        = optional(string, "2026-01-01T20:00:00Z")
    recurrence = optional(string, "FREQ=WEEKLY;BYDAY=TU,WE,TH")
    exclusions = optional(map(object({ start = string, end = string })), {})
  })
  default = {}

  validation {
    condition     = can(timecmp(var.maintenance.start, var.maintenance.end)) && try(timecmp(timeadd(var.maintenance.start, "4h"), var.maintenance.end) <= 0, false)
    error_message = "maintenance.start and .end are times such as 2026-01-01T14:00:00Z, the end at least 4 hours after the start."
  }

  validation {
    condition     = alltrue([for exclusion in values(var.maintenance.exclusions) : try(timecmp(exclusion.start, exclusion.end) < 0, false)])
    error_message = "An exclusion's start and end are times such as 2026-01-01T14:00:00Z, the end after the start."
  }
}

variable "deletion_protection" {
  description = "Refuse to destroy the cluster. To destroy it: set this to false, apply, then destroy."
  type        = bool
  default     = true
}

variable "general_pool" {
  description = "Pool for all but Kafka: operators, registry, ingester, server, simulator. Nodes are counted per zone."
  type = object({
    machine_type = optional(string, "n2-standard-4")
    min          = optional(number, 1)
    max          = optional(number, 3)
    disk_type    = optional(string, "pd-balanced")
    disk_size_gb = optional(number, 100)
  })
  default = {}

  validation {
    condition     = var.general_pool.min >= 1 && var.general_pool.max >= var.general_pool.min
    error_message = "general_pool needs min >= 1 and max >= min."
  }
}

variable "managed_prometheus" {
  description = "Google's own collection of metrics. The charts' ServiceMonitors and rules are for the Prometheus operator, which it does not replace; it costs by the sample."
  type        = bool
  default     = false
}

variable "backup" {
  description = "Backup for GKE of these namespaces' objects: custom resources, and Secrets with Kafka's certificate authorities and users. `schedule` in cron's notation, UTC; `days` for which a backup is kept. Disks are left out by default: copies of brokers' disks, each of another moment, are no copy of Kafka. The alerts' own safe copy is the archive."
  type = object({
    enabled    = optional(bool, false)
    namespaces = optional(list(string), ["alert-stream-broker"])
    schedule   = optional(string, "0 16 * * *")
    days       = optional(number, 30)
    volumes    = optional(bool, false)
  })
  default = {}

  validation {
    condition     = length(split(" ", var.backup.schedule)) == 5 && var.backup.days >= 1 && length(var.backup.namespaces) > 0
    error_message = "backup needs a schedule of five fields, days >= 1, and at least one namespace."
  }
}

variable "labels" {
  description = "Labels of the cluster and its nodes in Google Cloud, for example for billing."
  type        = map(string)
  default     = {}
}
