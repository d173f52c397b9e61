//! The table of elements and attributes.

use crate::addresses::is_number;
use crate::catalogue::{
    AttributeRule, AttributeValues, AttributeValues as Values, DAY, ElementRule, SCHEMA, Support,
    is_whole, no_effect, noun, verb, works,
};

const RECORDING_EVENTS: AttributeValues =
    AttributeValues::SomeOf(&["in-progress", "completed", "absent"]);
const CALL_EVENTS: AttributeValues =
    AttributeValues::SomeOf(&["initiated", "ringing", "answered", "completed"]);
const TRIM: AttributeValues = AttributeValues::OneOf(&["trim-silence", "do-not-trim"]);
const TRACKS: AttributeValues = AttributeValues::OneOf(&["inbound", "outbound", "both"]);
const RING_TONES: AttributeValues = AttributeValues::OneOf(&[
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr",
    "hu", "il", "in", "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se",
    "sg", "th", "uk", "us", "us-old", "tw", "ve", "za",
]);
const REGIONS: AttributeValues =
    AttributeValues::OneOf(&["us1", "us2", "ie1", "sg1", "br1", "au1", "jp1", "de1"]);

/// Every element that the simulator knows.
pub const ELEMENTS: &[ElementRule] = &[
    noun(
        "Say",
        &["Response", "Gather"],
        Support::Works,
        &[
            // Voice and language are checked together, by the reader of Say.
            works("voice", Values::Text, 13_511),
            works("language", Values::Text, 13_512),
            works("loop", Values::Whole(0, 1_000), 13_510),
        ],
    ),
    noun(
        "Play",
        &["Response", "Gather"],
        Support::Works,
        &[
            works("loop", Values::Whole(0, 1_000), 13_410),
            works("digits", Values::Checked(is_tones), 13_430),
        ],
    ),
    noun(
        "Pause",
        &["Response", "Gather"],
        Support::Works,
        &[works("length", Values::Whole(1, DAY), 13_910)],
    ),
    verb("Gather", Support::Works, GATHER),
    verb("Record", Support::Works, RECORD),
    verb("Dial", Support::Works, DIAL),
    noun("Number", &["Dial"], Support::Works, NUMBER),
    noun("Client", &["Dial"], Support::Works, CLIENT),
    noun("Sip", &["Dial"], Support::Works, SIP),
    noun("Conference", &["Dial"], Support::Works, CONFERENCE),
    noun(
        "Queue",
        &["Dial"],
        Support::Works,
        &[
            works("url", Values::Url, SCHEMA),
            works("method", Values::Method, SCHEMA),
            no_effect("reservationSid", Values::Text, SCHEMA),
            no_effect("postWorkActivitySid", Values::Text, SCHEMA),
        ],
    ),
    noun("Application", &["Dial"], Support::Refused, &[]),
    noun("Sim", &["Dial"], Support::Refused, &[]),
    noun("WhatsApp", &["Dial"], Support::Refused, &[]),
    noun("Identity", &["Client"], Support::Works, &[]),
    noun(
        "Parameter",
        &["Client"],
        Support::Works,
        &[
            works("name", Values::Text, SCHEMA),
            works("value", Values::Text, SCHEMA),
        ],
    ),
    verb("Enqueue", Support::Works, ENQUEUE),
    noun("Task", &["Enqueue"], Support::Refused, &[]),
    verb("Leave", Support::Works, &[]),
    verb(
        "Redirect",
        Support::Works,
        &[works("method", Values::Method, 13_710)],
    ),
    verb("Hangup", Support::Works, &[]),
    verb(
        "Reject",
        Support::Works,
        &[works(
            "reason",
            Values::OneOf(&["rejected", "busy"]),
            13_810,
        )],
    ),
    verb(
        "Refer",
        Support::Works,
        &[
            works("action", Values::Url, SCHEMA),
            works("method", Values::Method, SCHEMA),
        ],
    ),
    verb("Echo", Support::Works, &[]),
    verb("Connect", Support::Refused, &[]),
    verb("Start", Support::Refused, &[]),
    verb("Stop", Support::Refused, &[]),
    verb("Pay", Support::Refused, &[]),
    verb("Prompt", Support::Refused, &[]),
    verb("Sms", Support::Refused, &[]),
    verb("Queue", Support::Refused, &[]),
];

const GATHER: &[AttributeRule] = &[
    works("input", Values::SomeOf(&["dtmf", "speech"]), 13_326),
    works("action", Values::Url, SCHEMA),
    works("method", Values::Method, 13_312),
    works("timeout", Values::Whole(0, DAY), 13_313),
    works("numDigits", Values::Whole(1, 1_000), 13_314),
    works("finishOnKey", Values::Checked(is_key_or_nothing), 13_310),
    works("actionOnEmptyResult", Values::Boolean, 13_338),
    works("bargeIn", Values::Boolean, 13_332),
    works("language", Values::Checked(is_gather_language), 13_331),
    works("hints", Values::Checked(are_hints), 13_330),
    works("partialResultCallback", Values::Url, SCHEMA),
    works("partialResultCallbackMethod", Values::Method, 13_329),
    no_effect("speechTimeout", Values::Checked(is_speech_timeout), 13_327),
    no_effect("maxSpeechTime", Values::Whole(1, 60), 13_328),
    no_effect("speechModel", Values::Checked(is_speech_model), 13_334),
    no_effect("enhanced", Values::Boolean, SCHEMA),
    no_effect("profanityFilter", Values::Boolean, 13_333),
    no_effect("debug", Values::Boolean, SCHEMA),
];

const RECORD: &[AttributeRule] = &[
    works("action", Values::Url, SCHEMA),
    works("method", Values::Method, 13_610),
    works("timeout", Values::Whole(0, DAY), 13_611),
    works("maxLength", Values::Whole(1, DAY), 13_612),
    works("finishOnKey", Values::Checked(are_keys), 13_613),
    works("playBeep", Values::Boolean, 13_616),
    works("trim", TRIM, 13_699),
    works("recordingStatusCallback", Values::Url, 13_256),
    works("recordingStatusCallbackMethod", Values::Method, SCHEMA),
    works("recordingStatusCallbackEvent", RECORDING_EVENTS, 13_621),
    works("transcribe", Values::Boolean, 13_614),
    works("transcribeCallback", Values::Url, 13_257),
    no_effect("recordingConfigurationId", Values::Text, SCHEMA),
];

const DIAL: &[AttributeRule] = &[
    works("action", Values::Url, SCHEMA),
    works("method", Values::Method, 13_210),
    works("timeout", Values::Whole(1, 600), 13_212),
    works("timeLimit", Values::Whole(1, DAY), 13_216),
    works("hangupOnStar", Values::Boolean, 13_213),
    works("callerId", Values::Checked(is_caller_id), 13_214),
    works(
        "record",
        Values::OneOf(&[
            "do-not-record",
            "record-from-answer",
            "record-from-ringing",
            "record-from-answer-dual",
            "record-from-ringing-dual",
            "true",
            "false",
        ]),
        13_217,
    ),
    works("recordingStatusCallback", Values::Url, 13_256),
    works("recordingStatusCallbackMethod", Values::Method, SCHEMA),
    works("recordingStatusCallbackEvent", RECORDING_EVENTS, 13_621),
    works("sequential", Values::Boolean, 13_218),
    works("answerOnBridge", Values::Boolean, 13_219),
    no_effect("ringTone", RING_TONES, 13_220),
    no_effect("trim", TRIM, SCHEMA),
    works("recordingTrack", TRACKS, SCHEMA),
    no_effect("recordingConfigurationId", Values::Text, SCHEMA),
    no_effect("referUrl", Values::Url, SCHEMA),
    no_effect("referMethod", Values::Method, SCHEMA),
    no_effect("events", Values::OneOf(&["call-progress-event"]), SCHEMA),
    no_effect("passports", Values::Text, SCHEMA),
    no_effect("callReason", Values::Short(50), SCHEMA),
];

const NUMBER: &[AttributeRule] = &[
    works("url", Values::Url, SCHEMA),
    works("method", Values::Method, 13_221),
    works("sendDigits", Values::Checked(is_tones), 13_222),
    works("statusCallback", Values::Url, SCHEMA),
    works("statusCallbackMethod", Values::Method, SCHEMA),
    works("statusCallbackEvent", CALL_EVENTS, SCHEMA),
    no_effect("byoc", Values::Text, SCHEMA),
    works("machineDetection", DETECTION, SCHEMA),
    works("machineDetectionTimeout", Values::Whole(3, 60), SCHEMA),
    no_effect(
        "machineDetectionSpeechThreshold",
        Values::Whole(1_000, 6_000),
        SCHEMA,
    ),
    no_effect(
        "machineDetectionSpeechEndThreshold",
        Values::Whole(500, 5_000),
        SCHEMA,
    ),
    no_effect(
        "machineDetectionSilenceTimeout",
        Values::Whole(2_000, 10_000),
        SCHEMA,
    ),
    works("amdStatusCallback", Values::Url, SCHEMA),
    works("amdStatusCallbackMethod", Values::Method, SCHEMA),
];
const DETECTION: AttributeValues = Values::OneOf(&["Enable", "DetectMessageEnd"]);

const CLIENT: &[AttributeRule] = &[
    works("url", Values::Url, SCHEMA),
    works("method", Values::Method, SCHEMA),
    works("statusCallback", Values::Url, SCHEMA),
    works("statusCallbackMethod", Values::Method, SCHEMA),
    works("statusCallbackEvent", CALL_EVENTS, SCHEMA),
];

const SIP: &[AttributeRule] = &[
    works("url", Values::Url, SCHEMA),
    works("method", Values::Method, 13_241),
    works("statusCallback", Values::Url, SCHEMA),
    works("statusCallbackMethod", Values::Method, SCHEMA),
    works("statusCallbackEvent", CALL_EVENTS, SCHEMA),
    no_effect("username", Values::Short(255), 13_249),
    no_effect("password", Values::Short(255), 13_249),
    works("machineDetection", DETECTION, SCHEMA),
    works("machineDetectionTimeout", Values::Whole(3, 60), SCHEMA),
    no_effect(
        "machineDetectionSpeechThreshold",
        Values::Whole(1_000, 6_000),
        SCHEMA,
    ),
    no_effect(
        "machineDetectionSpeechEndThreshold",
        Values::Whole(500, 5_000),
        SCHEMA,
    ),
    no_effect(
        "machineDetectionSilenceTimeout",
        Values::Whole(2_000, 10_000),
        SCHEMA,
    ),
    works("amdStatusCallback", Values::Url, SCHEMA),
    works("amdStatusCallbackMethod", Values::Method, SCHEMA),
];

const CONFERENCE: &[AttributeRule] = &[
    works("muted", Values::Boolean, 13_230),
    works("endConferenceOnExit", Values::Boolean, 13_231),
    works("startConferenceOnEnter", Values::Boolean, 13_232),
    works("waitUrl", Values::Text, 13_233),
    works("waitMethod", Values::Method, 13_234),
    works("maxParticipants", Values::Whole(2, 250), SCHEMA),
    works("statusCallback", Values::Url, SCHEMA),
    works("statusCallbackMethod", Values::Method, SCHEMA),
    works(
        "statusCallbackEvent",
        Values::SomeOf(&[
            "start",
            "end",
            "join",
            "leave",
            "mute",
            "hold",
            "modify",
            "speaker",
            "announcement",
        ]),
        SCHEMA,
    ),
    works("participantLabel", Values::Short(128), SCHEMA),
    no_effect(
        "beep",
        Values::OneOf(&["true", "false", "onEnter", "onExit"]),
        13_235,
    ),
    no_effect("coach", Values::Text, 13_240),
    works(
        "record",
        Values::OneOf(&["do-not-record", "record-from-start"]),
        SCHEMA,
    ),
    no_effect("trim", TRIM, 13_239),
    no_effect("region", REGIONS, SCHEMA),
    no_effect(
        "jitterBufferSize",
        Values::OneOf(&["large", "medium", "small", "off"]),
        SCHEMA,
    ),
    works("recordingStatusCallback", Values::Url, 13_256),
    works("recordingStatusCallbackMethod", Values::Method, SCHEMA),
    works("recordingStatusCallbackEvent", RECORDING_EVENTS, 13_621),
    no_effect("recordingConfigurationId", Values::Text, SCHEMA),
    no_effect("eventCallbackUrl", Values::Url, SCHEMA),
];

const ENQUEUE: &[AttributeRule] = &[
    works("action", Values::Url, SCHEMA),
    works("method", Values::Method, SCHEMA),
    works("waitUrl", Values::Text, SCHEMA),
    works("waitUrlMethod", Values::Method, SCHEMA),
    works("maxQueueSize", Values::Whole(1, 5_000), SCHEMA),
    AttributeRule {
        name: "workflowSid",
        values: Values::Text,
        code: SCHEMA,
        support: Support::Refused,
    },
];

fn is_tones(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|key| b"0123456789ABCD#*wW".contains(&key))
}

fn is_key(key: char) -> bool {
    key.is_ascii_digit() || matches!(key, '#' | '*')
}

fn is_key_or_nothing(value: &str) -> bool {
    value.len() <= 1 && value.chars().all(is_key)
}

fn are_keys(value: &str) -> bool {
    value.chars().all(is_key)
}

fn is_gather_language(value: &str) -> bool {
    include_str!("../gather_languages.txt")
        .lines()
        .any(|language| language == value)
}

/// At most 500 phrases of at most 100 characters.
fn are_hints(value: &str) -> bool {
    let mut phrases = value.split(',');
    phrases.clone().count() <= 500 && phrases.all(|phrase| phrase.trim().chars().count() <= 100)
}

fn is_speech_timeout(value: &str) -> bool {
    value == "auto" || is_whole(value, 1, DAY)
}

fn is_speech_model(value: &str) -> bool {
    matches!(
        value,
        "default"
            | "numbers_and_commands"
            | "phone_call"
            | "experimental_conversations"
            | "experimental_utterances"
    ) || value.starts_with("googlev2_")
        || value.starts_with("deepgram_")
}

fn is_caller_id(value: &str) -> bool {
    is_number(value)
        || value.starts_with("client:")
        || (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_others() {
        assert!(is_key_or_nothing("") && is_key_or_nothing("*") && !is_key_or_nothing("12"));
        assert!(is_gather_language("en-US") && !is_gather_language("xx-XX"));
        assert!(is_tones("1w#") && !is_tones("1x"));
    }
}
