//! The files of `twiml/`, inside the program.
//!
//! A new file is added here by one line; a test fails for a file that was forgotten.

/// A file's name without its ending, and what stands in it.
pub(super) type File<'a> = (&'a str, &'a str);

macro_rules! embed {
    ($ending:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../twiml/", $name, $ending)))),+]
    };
}

/// One language each.
pub(super) const LANGUAGES: &[File<'static>] = embed!(".toml":
    "cmn-CN", "de-DE", "en-GB", "en-US", "es-ES", "es-MX", "fr-CA", "fr-FR", "it-IT", "ja-JP", "ko-KR", "nl-NL", "pl-PL",
    "pt-BR", "pt-PT", "sv-SE", "yue-HK",
);

/// One document each: the shape of what is said.
pub(super) const DOCUMENTS: &[File<'static>] = embed!(".xml":
    "apology", "ask", "ask_again", "ask_no_more_calls", "ask_slowly", "ask_time", "be_sure", "be_sure_at",
    "check_time", "decided", "decided_goodbye", "goodbye", "hang_up", "inbound", "inbound_called", "inbound_offer",
    "keys", "voicemail", "words",
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_under_twiml_is_in_the_program() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/twiml")).unwrap();
        let found: BTreeSet<String> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml") || name.ends_with(".xml"))
            .collect();
        let languages = LANGUAGES.iter().map(|(name, _)| format!("{name}.toml"));
        let documents = DOCUMENTS.iter().map(|(name, _)| format!("{name}.xml"));
        assert_eq!(languages.chain(documents).collect::<BTreeSet<_>>(), found);
    }
}
