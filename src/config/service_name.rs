//! The name by which the service introduces itself on the phone.

use super::reader::{Reader, set};
use super::{ConfigProblem, RawConfig};
use crate::domain::{Country, Language, Name, Phone};
use crate::speech::{InputMode, Speech};

const SETTING: &str = "TABLECALL_SERVICE_NAME";

impl Reader {
    pub(super) fn service_name(&mut self, given: &RawConfig) -> String {
        let name = Name::parse(set(&given.calls.service_name).unwrap_or("Tablecall"));
        name.map_err(|error| self.wrong(SETTING, error))
            .map_or_else(|()| String::new(), |name| name.to_string())
    }

    /// Warns of a name that cannot be said in a language of the restaurants that may be called: that of
    /// the one `restaurant`, or those of `countries`; `None`: of all. Every voice says Latin letters,
    /// so that no language but English is read for a name that has no others.
    pub(super) fn warn_of_unsayable_name(
        &mut self,
        name: &str,
        restaurant: Option<Phone>,
        countries: Option<&[Country]>,
    ) {
        if name.is_ascii() {
            return;
        }
        let Ok(speech) = Speech::open(InputMode::Keys) else {
            return;
        };
        if speech.foreign_script(Language::EN_US, name).is_none() {
            return;
        }
        let country = |phone: Phone| Phone::parse(&phone.to_string(), None).ok()?.1.country;
        let mut languages: Vec<Language> = match (restaurant, countries) {
            (Some(phone), _) => vec![speech.default_for(Some(phone), country(phone))],
            (None, Some(countries)) => countries
                .iter()
                .map(|country| speech.default_for(None, Some(*country)))
                .collect(),
            (None, None) => speech.languages().collect(),
        };
        languages.sort_unstable();
        languages.dedup();
        let foreign = |language: &Language| {
            let script = speech.foreign_script(*language, name)?;
            Some((language.to_string(), script))
        };
        let (languages, scripts): (Vec<String>, Vec<&str>) =
            languages.iter().filter_map(foreign).unzip();
        let Some(script) = scripts.first() else {
            return;
        };
        self.warnings.push(ConfigProblem {
            name: SETTING.into(),
            message: format!(
                "has letters ({script}) that the voice of {} cannot say, so restaurants do not hear who calls: write \
                 the name in Latin letters",
                languages.join(", ")
            ),
        });
    }
}
