variable "name" {
  description = "Name of everything that is made here"
  type        = string
  default     = "tablecall"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "A short name of small letters, digits and hyphens, such as tablecall."
  }
}

variable "region" {
  description = "AWS region"
  type        = string
}

variable "domain" {
  description = "Host under which Twilio and clients reach the service, such as calls.example.com"
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone that the domain lies in: for the certificate and the address"
  type        = string
}

variable "image" {
  description = "Image to run, by digest: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/tablecall@sha256:…"
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, so that what runs is what was tested."
  }
}

variable "settings" {
  description = "Further settings by name, as in docs/configuration.md: TABLECALL_SERVICE_NAME, TABLECALL_ALLOWED_COUNTRIES, TWILIO_CPS …; no secrets"
  type        = map(string)
  default     = {}
}

variable "given_secrets" {
  description = "Names in the secret that you fill in (README of this folder, step 3)"
  type        = set(string)
  default     = ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER", "TABLECALL_API_KEYS"]
}

variable "vpc_cidr" {
  description = "Addresses of the network"
  type        = string
  default     = "10.40.0.0/16"
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone: dearer, but no zone depends on the other"
  type        = bool
  default     = false
}

variable "cpu" {
  description = "CPU units of one task; 1024 are one core"
  type        = number
  default     = 512
}

variable "memory" {
  description = "Memory of one task in MiB"
  type        = number
  default     = 1024
}

variable "tasks_min" {
  description = "Tasks that always run"
  type        = number
  default     = 2

  validation {
    condition     = var.tasks_min >= 2
    error_message = "At least two, one in each zone."
  }
}

variable "tasks_max" {
  description = "Tasks that run at most"
  type        = number
  default     = 6
}

variable "redis_node_type" {
  description = "Size of one ElastiCache node"
  type        = string
  default     = "cache.t4g.small"
}

variable "log_retention_days" {
  description = "How long logs are kept; they hold no names and no numbers"
  type        = number
  default     = 30
}

variable "alarm_email" {
  description = "Who is told of alarms; null: nobody yet"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted"
  type        = bool
  default     = true
}
