//! The environment beside plain settings: secrets in files (`…_FILE`), names that are no
//! settings, and values in quotes. It is given the variables; `main` alone reads them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use clap::builder::{OsStr, Resettable};
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use super::{ConfigProblem, RawConfig, writing};

/// A file with a secret is read up to this many bytes; certificates are the longest.
const LONGEST_SECRET: u64 = 1024 * 1024;
/// Prefixes of this program's variables.
const PREFIXES: [&str; 2] = ["TABLECALL_", "TWILIO_"];
/// Variables of other commands than `serve`.
const OTHERS: [&str; 3] = ["TABLECALL_URL", "TABLECALL_KEY", "TWILIO_VOICE_URL"];
/// Suffix of the variable that names a file with the value of a setting.
const FILE: &str = "_FILE";
/// A name with at most one wrong letter in this many is taken for a misspelt one.
const NEAR: usize = 3;

impl RawConfig {
    /// Reads secrets from the files that `…_FILE` variables name, and notes what is wrong with the
    /// environment. A setting that `given`, the command line, has goes before a file.
    pub fn complete(&mut self, given: &ArgMatches, environment: &BTreeMap<String, String>) {
        let settings = settings();
        let otel = environment
            .iter()
            .filter(|(name, _)| name.starts_with("OTEL_"));
        self.environment.otel = otel
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();

        for (name, value) in environment {
            let of_file = name
                .strip_suffix(FILE)
                .and_then(|name| settings.iter().find(|known| known.name == name))
                .filter(|setting| setting.is_secret);
            if let Some(setting) = of_file {
                self.read_file(setting, value, given, environment);
            } else if settings.iter().any(|known| known.name == *name) {
                self.judge_writing(name, value);
            } else {
                self.judge_name(name, &settings);
            }
        }
    }

    fn read_file(
        &mut self,
        setting: &Setting,
        path: &str,
        given: &ArgMatches,
        environment: &BTreeMap<String, String>,
    ) {
        // An empty value counts as not given, here as with every setting.
        let is_set = |value: Option<&String>| value.is_some_and(|value| !value.trim().is_empty());
        let variable = format!("{}{FILE}", setting.name);
        let path = path.trim();
        if path.is_empty() {
            return;
        }
        if is_set(environment.get(&setting.name)) {
            let message = format!("and {} are both set: leave one out", setting.name);
            return self.wrong(&variable, message);
        }

        match read_secret(Path::new(path)) {
            Ok(secret) => {
                if let Some(fault) = writing::fault(&secret) {
                    self.wrong(&variable, format!("names a file whose text {fault}"));
                }
                let flag = given.try_get_one::<String>(&setting.id).ok().flatten();
                if !is_set(flag) && self.set(setting, &secret).is_err() {
                    self.wrong(&variable, format!("is no value of {}", setting.name));
                }
            }
            Err(why) => self.wrong(&variable, format!("names a file that {why}")),
        }
    }

    /// Sets one setting as its flag would.
    fn set(&mut self, setting: &Setting, value: &str) -> Result<(), clap::Error> {
        // The environment was read with the command line; here it would set other settings again.
        let command = Self::augment_args_for_update(Command::new("serve").no_binary_name(true))
            .mut_args(|argument| argument.env(Resettable::<OsStr>::Reset));
        let matches = command.try_get_matches_from([format!("--{}={value}", setting.flag)])?;
        self.update_from_arg_matches(&matches)
    }

    fn judge_writing(&mut self, name: &str, value: &str) {
        if let Some(fault) = writing::fault(value) {
            self.wrong(name, fault);
        }
    }

    fn judge_name(&mut self, name: &str, settings: &[Setting]) {
        let bare = name.trim_start_matches(writing::BYTE_ORDER_MARK);
        if bare != name {
            // A file of variables that begins with one: the first name is another then.
            let text =
                "has a byte order mark before its name: take it out of the file that sets it";
            return self.wrong(bare, text.to_owned());
        }
        let is_ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if !is_ours || OTHERS.contains(&name) {
            return;
        }
        let names = settings.iter().map(|setting| setting.name.clone());
        let secrets = settings.iter().filter(|setting| setting.is_secret);
        let files = secrets.map(|setting| format!("{}{FILE}", setting.name));
        let nearest = names
            .chain(files)
            .map(|known| (distance(name, &known), known))
            .filter(|(distance, _)| distance * NEAR <= name.len())
            .min();
        let hint = nearest.map_or_else(String::new, |(_, known)| {
            format!("; perhaps {known} is meant")
        });
        self.environment.warnings.push(ConfigProblem {
            name: name.to_owned().into(),
            message: format!("is no setting and has no effect{hint}"),
        });
    }

    /// The problems of variables whose values are no text: what is read of the environment as text
    /// does not have them. Others than those of this program are none of ours.
    #[must_use]
    pub fn not_text<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<ConfigProblem> {
        let settings = settings();
        let is_ours = |name: &&str| {
            let setting = name.strip_suffix(FILE).unwrap_or(name);
            PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || settings.iter().any(|known| known.name == setting)
        };
        let problem = |name: &str| ConfigProblem {
            name: name.to_owned().into(),
            message: "is no text in UTF-8".to_owned(),
        };
        names.into_iter().filter(is_ours).map(problem).collect()
    }

    fn wrong(&mut self, name: &str, message: String) {
        self.environment.problems.push(ConfigProblem {
            name: name.to_owned().into(),
            message,
        });
    }
}

/// Number of letters that are wrong. A name that was cut off is a near one.
fn distance(name: &str, known: &str) -> usize {
    if known.starts_with(name) {
        2
    } else {
        strsim::damerau_levenshtein(name, known)
    }
}

/// A setting, as its declaration in `settings.rs` has it.
struct Setting {
    /// The name of its field.
    id: String,
    /// Its flag, without `--`.
    flag: String,
    /// Its variable.
    name: String,
    /// The help hides its value. Such a setting can stand in a file.
    is_secret: bool,
}

fn settings() -> Vec<Setting> {
    let command = RawConfig::augment_args(Command::new("serve"));
    let setting = |argument: &clap::Arg| {
        Some(Setting {
            id: argument.get_id().to_string(),
            flag: argument.get_long()?.to_owned(),
            name: argument.get_env()?.to_str()?.to_owned(),
            is_secret: argument.is_hide_env_values_set(),
        })
    };
    command.get_arguments().filter_map(setting).collect()
}

/// The text of a file without white space around it and without a byte order mark; else why there
/// is none.
fn read_secret(path: &Path) -> Result<String, String> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(LONGEST_SECRET + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error: std::io::Error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > LONGEST_SECRET {
        return Err("is longer than 1 MiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "is no text in UTF-8".to_owned())?;
    let text = text.trim_start_matches(writing::BYTE_ORDER_MARK).trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn completed(variables: &[(&str, &str)]) -> RawConfig {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut given = RawConfig::default();
        given.complete(&ArgMatches::default(), &environment);
        given
    }

    fn told(problems: &[ConfigProblem]) -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    }

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn each_secret_can_stand_in_a_file() {
        let command = RawConfig::augment_args(Command::new("serve"));
        let file = file(b"https://a secret.example");
        for argument in command.get_arguments() {
            let name = argument.get_env().unwrap().to_str().unwrap();
            let variable = format!("{name}{FILE}");
            let given = completed(&[(&variable, file.path().to_str().unwrap())]);
            let is_read = format!("{given:?}").contains("a secret");
            assert_eq!(is_read, argument.is_hide_env_values_set(), "{name}");
        }
    }

    #[test]
    fn a_file_is_read_without_its_end_of_line_and_its_byte_order_mark() {
        for bytes in [
            b"a secret\n".as_slice(),
            b"\xef\xbb\xbfa secret\r\n",
            b"a secret",
        ] {
            let file = file(bytes);
            let path = file.path().to_str().unwrap();
            let given = completed(&[("TWILIO_AUTH_TOKEN_FILE", path)]);
            assert_eq!(given.carrier.twilio_auth_token.as_deref(), Some("a secret"));
            assert!(given.environment.problems.is_empty());
        }
        let file = file(b"from the file");
        let path = file.path().to_str().unwrap().to_owned();
        let flags = RawConfig::augment_args(Command::new("serve"))
            .get_matches_from(["serve", "--redis-url=from a flag"]);
        let mut given = RawConfig::from_arg_matches(&flags).unwrap();
        given.complete(
            &flags,
            &BTreeMap::from([("REDIS_URL_FILE".to_owned(), path)]),
        );
        assert_eq!(given.storage.redis_url.as_deref(), Some("from a flag"));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_its_text_is_not() {
        let (empty, binary) = (file(b" \n"), file(b"\xff\xfe"));
        let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
        let given = completed(&[
            ("REDIS_URL_FILE", "/nowhere/redis"),
            ("SENTRY_DSN_FILE", &path(&empty)),
            ("TABLECALL_API_KEYS_FILE", &path(&binary)),
            ("TABLECALL_INDEX_KEY_FILE", ""),
            ("TWILIO_AUTH_TOKEN", "hush"),
            ("TWILIO_AUTH_TOKEN_FILE", &path(&empty)),
        ]);
        let told = told(&given.environment.problems);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("REDIS_URL_FILE: names a file that cannot be read: "));
        assert_eq!(told[1], "SENTRY_DSN_FILE: names a file that is empty");
        assert_eq!(
            told[2],
            "TABLECALL_API_KEYS_FILE: names a file that is no text in UTF-8"
        );
        assert_eq!(
            told[3],
            "TWILIO_AUTH_TOKEN_FILE: and TWILIO_AUTH_TOKEN are both set: leave one out"
        );
        assert!(given.environment.warnings.is_empty());
    }

    #[test]
    fn names_that_are_no_settings_are_told_with_the_nearest() {
        let given = completed(&[
            ("TABLECALL_PUBLIC_ULR", "https://a.example"),
            ("TWILIO_ACCOUNT_ID", "x"),
            ("TABLECALL_SOMETHING_ELSE", "x"),
            ("TWILIO_FROM", "x"),
            ("TWILIO_AUTH_TOKEN_FIEL", "x"),
            ("TABLECALL_KEY", "x"),
            ("PATH", "/bin"),
            ("REDIS_URI", "x"),
        ]);
        assert_eq!(
            told(&given.environment.warnings),
            [
                "TABLECALL_PUBLIC_ULR: is no setting and has no effect; perhaps TABLECALL_PUBLIC_URL is meant",
                "TABLECALL_SOMETHING_ELSE: is no setting and has no effect",
                "TWILIO_ACCOUNT_ID: is no setting and has no effect; perhaps TWILIO_ACCOUNT_SID is meant",
                "TWILIO_AUTH_TOKEN_FIEL: is no setting and has no effect; perhaps TWILIO_AUTH_TOKEN_FILE is meant",
                "TWILIO_FROM: is no setting and has no effect; perhaps TWILIO_FROM_NUMBER is meant",
            ]
        );
    }

    #[test]
    fn what_cannot_be_seen_in_a_file_or_before_a_name_is_told() {
        let written = file(b"app:a secret\0");
        let path = written.path().to_str().unwrap();
        let given = completed(&[
            ("TABLECALL_API_KEYS_FILE", path),
            ("TABLECALL_SERVICE_NAME", "La\u{200b}Table"),
            ("\u{feff}TWILIO_CPS", "2"),
        ]);
        let told = told(&given.environment.problems);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with("TABLECALL_API_KEYS_FILE: names a file whose text has a character")
        );
        assert!(
            told[1]
                .starts_with("TABLECALL_SERVICE_NAME: has a character that cannot be seen (U+200B")
        );
        assert!(told[2].starts_with("TWILIO_CPS: has a byte order mark before its name"));
        let names = ["TABLECALL_X", "REDIS_URL_FILE", "RUST_LOG", "LS_COLORS"];
        let no_text = RawConfig::not_text(names);
        assert_eq!(no_text.len(), 3, "{no_text:?}");
    }

    #[test]
    fn quotes_around_a_value_are_named() {
        let given = completed(&[
            ("TWILIO_AUTH_TOKEN", "\"hush\""),
            ("TABLECALL_SERVICE_NAME", "'La Table'"),
            ("TABLECALL_LISTEN", "\""),
        ]);
        let told = told(&given.environment.problems);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("TABLECALL_SERVICE_NAME: stands in quotes"));
        assert!(!told[1].contains("hush"));
    }
}
