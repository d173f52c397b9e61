//! The description of each metric.

use metrics::Unit;

pub(super) fn describe() {
    let histograms = [
        (
            "tablecall_http_request_duration_seconds",
            "Time to the head of an answer.",
        ),
        (
            "tablecall_webhook_duration_seconds",
            "Time to answer a verified webhook of Twilio.",
        ),
        (
            "tablecall_call_create_to_ring_seconds",
            "Time from the create of a call to its first ring.",
        ),
        (
            "tablecall_call_ring_to_verdict_seconds",
            "Time from the last ring of a call to its verdict.",
        ),
        (
            "tablecall_call_key_to_record_seconds",
            "Time from a verified webhook with keys to the stored call.",
        ),
        (
            "tablecall_twilio_request_duration_seconds",
            "Time Twilio took to answer.",
        ),
        (
            "tablecall_event_duration_seconds",
            "Time an endpoint of a client took for an event.",
        ),
        (
            "tablecall_store_duration_seconds",
            "Time the shared store took to answer.",
        ),
    ];
    for (name, text) in histograms {
        metrics::describe_histogram!(name, Unit::Seconds, text);
    }
    let counters = [
        ("tablecall_webhooks_total", "Verified webhooks of Twilio."),
        ("tablecall_calls_total", "Calls that are finished."),
        ("tablecall_attempts_total", "Attempts that have ended."),
        (
            "tablecall_signature_failures_total",
            "Webhooks refused for their signature.",
        ),
        (
            "tablecall_webhooks_unread_total",
            "Webhooks refused for their method or body, before the signature was looked at.",
        ),
        (
            "tablecall_tickets_unopened_total",
            "Webhooks whose signature holds and whose ticket cannot be used.",
        ),
        (
            "tablecall_twilio_errors_total",
            "Requests to Twilio that failed.",
        ),
        (
            "tablecall_unknown_creates_total",
            "Creates that Twilio did not answer: the call may exist or not.",
        ),
        (
            "tablecall_stuck_calls_found_total",
            "Look-ups of calls that were silent for too long.",
        ),
        (
            "tablecall_store_errors_total",
            "Requests to the store that failed.",
        ),
        ("tablecall_events_total", "Events to clients."),
    ];
    for (name, text) in counters {
        metrics::describe_counter!(name, text);
    }
    let gauges = [
        (
            "tablecall_build_info",
            "1, with the version and commit of the program.",
        ),
        (
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
        ),
        (
            "process_resident_memory_bytes",
            "What the process has in memory.",
        ),
        ("tablecall_calls", "Calls held."),
        ("tablecall_calls_capacity", "The most calls held."),
        (
            "tablecall_queue_length",
            "Queued calls by what they wait for.",
        ),
        (
            "tablecall_queue_oldest_seconds",
            "How long the oldest queued call has waited for this.",
        ),
        (
            "tablecall_overdue_calls",
            "Open calls that should have been looked at over a minute ago.",
        ),
        (
            "tablecall_events_pending",
            "Events that clients have not received yet.",
        ),
        (
            "tablecall_caller_ids_set_aside",
            "Numbers of TWILIO_FROM_NUMBER that Twilio refused within the last hour.",
        ),
        (
            "tablecall_ailing",
            "1 while /readyz names this part as not well.",
        ),
        (
            "tablecall_store_unwritten",
            "Changes that wait in this process for the shared store.",
        ),
        ("tablecall_ready", "1 while /readyz answers 200."),
        (
            "tablecall_sse_clients",
            "Open streams of /api/call/{id}/events.",
        ),
    ];
    for (name, text) in gauges {
        metrics::describe_gauge!(name, text);
    }
}
