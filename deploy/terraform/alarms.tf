# What CloudWatch sees by itself. The finer alerts are Prometheus' (deploy/prometheus), for which a scraper in this network
# is needed; the entries of docs/runbook.md help with these too.

resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${var.name}-errors"
  log_group_name = aws_cloudwatch_log_group.main.name
  pattern        = "{ $.level = \"ERROR\" }"

  metric_transformation {
    name          = "Errors"
    namespace     = var.name
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_log_metric_filter" "refused" {
  name           = "${var.name}-refused-webhooks"
  log_group_name = aws_cloudwatch_log_group.main.name
  pattern        = "{ $.message = \"refused a webhook\" }"

  metric_transformation {
    name          = "RefusedWebhooks"
    namespace     = var.name
    value         = "1"
    default_value = "0"
  }
}

locals {
  balancer = { LoadBalancer = aws_lb.main.arn_suffix, TargetGroup = aws_lb_target_group.main.arn_suffix }
  service  = { ClusterName = aws_ecs_cluster.main.name, ServiceName = aws_ecs_service.main.name }
  redis    = { CacheClusterId = "${aws_elasticache_replication_group.main.id}-001" }

  # Exactly one of statistic and percentile is set.
  alarms = {
    "answers-5xx"      = { what = "The service answers with errors: runbook, TablecallErrorBudgetBurnsFast", namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.balancer, statistic = "Sum", percentile = null, above = 5, below = null, period = 300, periods = 1, missing = "notBreaching" }
    "answers-slowly"   = { what = "One in a hundred requests takes over a second: runbook, TablecallAnswersSlowly", namespace = "AWS/ApplicationELB", metric = "TargetResponseTime", dimensions = local.balancer, statistic = null, percentile = "p99", above = 1, below = null, period = 60, periods = 5, missing = "notBreaching" }
    "unhealthy"        = { what = "A task is not healthy: runbook, TablecallDown", namespace = "AWS/ApplicationELB", metric = "UnHealthyHostCount", dimensions = local.balancer, statistic = "Maximum", percentile = null, above = 0, below = null, period = 60, periods = 5, missing = "notBreaching" }
    "none-healthy"     = { what = "No task is healthy: runbook, TablecallDown", namespace = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.balancer, statistic = "Minimum", percentile = null, above = null, below = 1, period = 60, periods = 1, missing = "breaching" }
    "too-few-tasks"    = { what = "Fewer tasks run than should: runbook, TablecallDown", namespace = "ECS/ContainerInsights", metric = "RunningTaskCount", dimensions = local.service, statistic = "Minimum", percentile = null, above = null, below = var.tasks_min, period = 60, periods = 5, missing = "breaching" }
    "errors"           = { what = "Lines of level ERROR in the log", namespace = var.name, metric = "Errors", dimensions = {}, statistic = "Sum", percentile = null, above = 5, below = null, period = 300, periods = 1, missing = "notBreaching" }
    "refused-webhooks" = { what = "Webhooks are refused: runbook, TablecallRefusesTwilio", namespace = var.name, metric = "RefusedWebhooks", dimensions = {}, statistic = "Sum", percentile = null, above = 20, below = null, period = 300, periods = 1, missing = "notBreaching" }
    "redis-full"       = { what = "Redis is nearly full: runbook, TablecallStoreUnreachable", namespace = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", dimensions = local.redis, statistic = "Maximum", percentile = null, above = 80, below = null, period = 60, periods = 5, missing = "breaching" }
    "redis-busy"       = { what = "Redis is busy: runbook, TablecallAnswersSlowly", namespace = "AWS/ElastiCache", metric = "EngineCPUUtilization", dimensions = local.redis, statistic = "Average", percentile = null, above = 80, below = null, period = 60, periods = 5, missing = "breaching" }
  }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.what
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.percentile
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.below == null ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = coalesce(each.value.above, each.value.below)
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
