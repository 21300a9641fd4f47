variable "project_id" {
  description = "Google Cloud project of the cluster: its load balancers can only take addresses of the same project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id (6 to 30 lower-case letters, digits and hyphens), not its name or number."
  }
}

variable "region" {
  description = "Region of the addresses: the cluster's. A load balancer takes no address of another region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a region (us-central1), not a zone: for a zonal cluster the region that its zone is in."
  }
}

variable "name_prefix" {
  description = "What the addresses' names begin with."
  type        = string
  default     = "alert-stream"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,40}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has 2 to 42 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "labels" {
  description = "Labels of the addresses."
  type        = map(string)
  default     = {}
}

variable "network_tier" {
  description = "Network tier of the addresses. Services of type LoadBalancer are PREMIUM unless annotated `cloud.google.com/network-tier: Standard`, and take no address of the other tier."
  type        = string
  default     = "PREMIUM"

  validation {
    condition     = contains(["PREMIUM", "STANDARD"], var.network_tier)
    error_message = "network_tier is PREMIUM or STANDARD."
  }
}

variable "bootstrap_host" {
  description = "Host name that clients are told: `alert-stream-int.lsst.cloud`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.bootstrap_host))
    error_message = "bootstrap_host is a whole host name in lower case, without a dot at its end."
  }
}

variable "broker_host" {
  description = "Host names of the brokers, with `%d` for the broker's number from 0: `alert-stream-int-broker-%d.lsst.cloud`."
  type        = string

  validation {
    condition     = length(split("%d", var.broker_host)) == 2 && can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", replace(var.broker_host, "%d", "0")))
    error_message = "broker_host is a whole host name in lower case in which %d stands once for the broker's number."
  }
}

variable "brokers" {
  description = "How many brokers have an address: at least as many as the chart has (`kafka.replicas`)."
  type        = number
  default     = 3

  validation {
    condition     = var.brokers >= 1 && var.brokers <= 100 && floor(var.brokers) == var.brokers
    error_message = "brokers is a whole number from 1 to 100."
  }
}

variable "bootstrap_address" {
  description = "Address that the bootstrap's load balancer has already, to be kept: it is reserved instead of a new one. It must be in use in this project and region, and not reserved yet."
  type        = string
  default     = null

  validation {
    condition     = var.bootstrap_address == null || can(cidrhost("${var.bootstrap_address}/32", 0))
    error_message = "bootstrap_address is an IPv4 address."
  }
}

variable "broker_addresses" {
  description = "Likewise for the brokers, in their order; none, or one for each."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.broker_addresses : can(cidrhost("${address}/32", 0))]) && length(var.broker_addresses) == length(distinct(var.broker_addresses))
    error_message = "broker_addresses are different IPv4 addresses."
  }
}

variable "ingress_hosts" {
  description = "Host names that the cluster's ingress controller answers and that should get an address here: the schema registry's and the archive's. None: the ingress controller has its address from elsewhere."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for host in var.ingress_hosts : can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", host))]) && length(var.ingress_hosts) == length(distinct(var.ingress_hosts))
    error_message = "ingress_hosts are different whole host names in lower case, without a dot at their ends."
  }
}

variable "pin_by" {
  description = "How the chart's values name the addresses: `ip` (`loadBalancerIP`, which every version of GKE takes) or `name` (an annotation, as Kubernetes deprecates the former; such values can be written down before the first apply). Load balancers take addresses by name only where they are backed by backend services: annotation `cloud.google.com/l4-rbs: enabled`."
  type        = string
  default     = "ip"

  validation {
    condition     = contains(["ip", "name"], var.pin_by)
    error_message = "pin_by is ip or name."
  }
}

variable "dns_zone" {
  description = "Zone of Cloud DNS that gets the records; null: none, and the records of the output `dns_records` are entered elsewhere by hand. With `create` the zone is made, for `dns_name` (`example.org.`), and its name servers must then be entered in the zone above; without, it is there already. `project_id` default: the module's."
  type = object({
    name       = string
    project_id = optional(string)
    create     = optional(bool, false)
    dns_name   = optional(string)
  })
  default = null

  validation {
    condition     = var.dns_zone == null || try(!var.dns_zone.create || can(regex("^([a-z0-9-]+\\.)+$", var.dns_zone.dns_name)), false)
    error_message = "dns_zone with create needs a dns_name, a domain that ends with a dot."
  }
}

variable "ttl" {
  description = "Seconds for which the records are cached by others. The addresses are not meant to change."
  type        = number
  default     = 300

  validation {
    condition     = var.ttl >= 1 && var.ttl <= 86400
    error_message = "ttl is 1 to 86400 seconds."
  }
}
