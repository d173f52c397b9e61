terraform {
  required_version = "~> 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }

  # Keep the state where it is encrypted and locked: it holds the keys that Terraform makes (secrets.tf).
  # backend "s3" {
  #   bucket       = "…"
  #   key          = "tablecall.tfstate"
  #   region       = "…"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { service = var.name }
  }
}
