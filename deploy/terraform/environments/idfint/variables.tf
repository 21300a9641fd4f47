variable "project_id" {
  description = "Google Cloud project."
  type        = string
}

variable "environment" {
  description = "Name of the environment."
  type        = string
  default     = "idfint"
}

variable "region" {
  description = "Region of buckets and addresses: the cluster's."
  type        = string
  default     = "us-central1"
}

variable "cluster_name" {
  description = "Name of the GKE cluster that is there already."
  type        = string
}

variable "cluster_location" {
  description = "Its region, or its zone where it is zonal."
  type        = string
}

variable "zones" {
  description = "Zones of the Kafka nodes. Where brokers have disks already: the zones of these disks."
  type        = list(string)
}

variable "kafka_machine_type" {
  description = "Machine type of the Kafka nodes."
  type        = string
  default     = "n2-standard-8"
}

variable "bootstrap_host" {
  description = "Host name that clients are told."
  type        = string
}

variable "broker_host" {
  description = "Host names of the brokers, with `%d` for the number."
  type        = string
}

variable "brokers" {
  description = "How many brokers."
  type        = number
  default     = 3
}

variable "bootstrap_address" {
  description = "Address of the bootstrap that is in use and is to be kept; null: a new one."
  type        = string
  default     = null
}

variable "broker_addresses" {
  description = "Addresses of the brokers that are in use and are to be kept; none: new ones."
  type        = list(string)
  default     = []
}

variable "maximum_alert_age" {
  description = "Days after which simulated alerts are deleted."
  type        = number
  default     = 28
}

variable "bucket_name_salt" {
  description = "See the module alertdb."
  type        = string
  default     = ""
}

variable "bucket_names" {
  description = "Names of buckets that exist and are imported; see the module alertdb."
  type = object({
    packets = optional(string)
    schemas = optional(string)
  })
  default = {}
}

variable "adopt" {
  description = "Objects that exist already and are imported instead of created: any of `writer`, `reader`, `kafka_node_pool`, `packets`, `schemas`."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.adopt, ["writer", "reader", "kafka_node_pool", "packets", "schemas"])) == 0
    error_message = "adopt lists any of writer, reader, kafka_node_pool, packets, schemas."
  }

  validation {
    condition = alltrue([
      !contains(var.adopt, "packets") || var.bucket_names.packets != null,
      !contains(var.adopt, "schemas") || var.bucket_names.schemas != null,
    ])
    error_message = "A bucket that is imported needs its name in bucket_names: under the generated name there is no bucket yet."
  }
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
  default     = {}
}
