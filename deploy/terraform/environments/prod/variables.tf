variable "project_id" {
  description = "Google Cloud project."
  type        = string
}

variable "environment" {
  description = "Name of the environment."
  type        = string
  default     = "prod"
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "us-central1"
}

variable "zones" {
  description = "Zones of the nodes: one broker in each."
  type        = list(string)
}

variable "cluster_name" {
  description = "Name of the cluster that is made."
  type        = string
  default     = "alert-stream"
}

variable "authorized_networks" {
  description = "Address ranges that may reach the control plane, NAME = RANGE. Required unless `private_endpoint`."
  type        = map(string)
  default     = {}
}

variable "private_endpoint" {
  description = "Give the control plane no public address; see the module cluster."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to destroy the cluster."
  type        = bool
  default     = true
}

variable "backup" {
  description = "Backup of the namespace's objects and Secrets; see the module cluster."
  type = object({
    enabled    = optional(bool, true)
    namespaces = optional(list(string), ["alert-stream-broker"])
    schedule   = optional(string, "0 16 * * *")
    days       = optional(number, 30)
    volumes    = optional(bool, false)
  })
  default = {}
}

variable "kafka_machine_type" {
  description = "Machine type of the Kafka nodes."
  type        = string
  default     = "n2-standard-16"
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

variable "ingress_hosts" {
  description = "Host names of the schema registry and of the archive, which the ingress controller answers; none where it has its address from elsewhere."
  type        = list(string)
  default     = []
}

variable "dns_zone" {
  description = "Zone of Cloud DNS for the records; null: they are entered by hand. See the module dns-and-addresses."
  type = object({
    name       = string
    project_id = optional(string)
    create     = optional(bool, false)
    dns_name   = optional(string)
  })
  default = null
}

variable "retention_days" {
  description = "Days for which nobody can delete or replace an alert; null: no such period. 3653 is ten years."
  type        = number
  default     = 3653
}

variable "retention_locked" {
  description = "Lock that period. IRREVERSIBLE: decide it when the archive has proved itself, not on the first apply."
  type        = bool
  default     = false
}

variable "storage_class_rules" {
  description = "Move old alerts to colder storage; see the module alertdb for what that costs."
  type = list(object({
    age_days      = number
    storage_class = string
  }))
  default = []
}

variable "archive_readers" {
  description = "Who else may read the archive's buckets."
  type        = list(string)
  default     = []
}

variable "bucket_name_salt" {
  description = "See the module alertdb."
  type        = string
  default     = ""
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
  default     = {}
}
