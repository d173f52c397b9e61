output "public_url" {
  description = "Where clients and Twilio reach the service"
  value       = "https://${var.domain}"
}

output "given_secret" {
  description = "The secret to fill in: a JSON object of the names in given_secrets"
  value       = aws_secretsmanager_secret.given.name
}

output "cluster" {
  description = "The ECS cluster; its service has the same name"
  value       = aws_ecs_cluster.main.name
}

output "log_group" {
  description = "Where the log lines are"
  value       = aws_cloudwatch_log_group.main.name
}

output "alarm_topic" {
  description = "Where alarms are sent: subscribe to it"
  value       = aws_sns_topic.alarms.arn
}

output "egress_addresses" {
  description = "The addresses that Twilio and clients see requests from"
  value       = aws_eip.nat[*].public_ip
}
