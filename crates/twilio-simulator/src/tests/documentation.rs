//! Keeps the tables of docs/simulator.md true: they are made of the code.

use expect_test::expect_file;

use super::super::catalogue::{AttributeValues, ELEMENTS, ElementRule, Support};
use super::super::{Fault, rest};

const BEGIN: &str = "<!-- tables: made by `UPDATE_EXPECT=1 cargo test documentation` -->\n";
const END: &str = "<!-- end of tables -->\n";

#[test]
fn the_tables_of_the_document_are_those_of_the_code() {
    let document = include_str!("../../../../docs/simulator.md");
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}\n{}\n{END}{after}", tables());
    expect_file!["../../../../docs/simulator.md"].assert_eq(&expected);
}

fn tables() -> String {
    let mut text =
        String::from("### TwiML\n\n| element | in | here | attributes |\n|---|---|---|---|\n");
    for rule in ELEMENTS {
        let attributes: Vec<String> = rule.attributes.iter().map(attribute).collect();
        text.push_str(&format!(
            "| `<{}>` | {} | {} | {} |\n",
            rule.name,
            rule.parents.join(", "),
            support(rule),
            attributes.join("; ")
        ));
    }
    text.push_str(
        "\nAttributes are followed by the values that Twilio accepts and its code for any other. *No effect*: \
         checked, and nothing follows from it.\n\n### REST\n\n| resource | methods |\n|---|---|\n",
    );
    for (path, methods) in rest::RESOURCES {
        text.push_str(&format!("| `{path}` | {methods} |\n"));
    }
    text.push_str(&format!(
        "\nWith `.json`; without a suffix or with `.xml` the answer is XML, with `.csv` a table. Refused with 501 and \
         code 999001: {}.\n\n### Faults\n\n| fault | what happens |\n|---|---|\n",
        rest::REFUSED.join(", ")
    ));
    for fault in Fault::ALL {
        let name = serde_json::to_value(fault).unwrap();
        let name = name.as_str().unwrap().to_owned();
        text.push_str(&format!("| `{name}` | {} |\n", fault.description()));
    }
    text
}

fn support(rule: &ElementRule) -> &'static str {
    match rule.support {
        Support::Works => "works",
        Support::NoEffect => "no effect",
        Support::Refused => "says it does not, and ends the call",
    }
}

fn attribute(rule: &super::super::catalogue::AttributeRule) -> String {
    let values = match rule.values {
        AttributeValues::Text | AttributeValues::Checked(_) => String::new(),
        AttributeValues::Short(most) => format!(" up to {most} characters"),
        AttributeValues::Url => " URL".to_owned(),
        AttributeValues::Boolean => " true, false".to_owned(),
        AttributeValues::Method => " GET, POST".to_owned(),
        AttributeValues::Whole(least, most) => format!(" {least}–{most}"),
        AttributeValues::OneOf(words) if words.len() > 8 => " a country".to_owned(),
        AttributeValues::OneOf(words) => format!(" {}", words.join(", ")),
        AttributeValues::SomeOf(words) => format!(" any of {}", words.join(" ")),
    };
    let here = match rule.support {
        Support::Works => "",
        Support::NoEffect => ", *no effect*",
        Support::Refused => ", *says it does not*",
    };
    format!("`{}`{values} ({}{here})", rule.name, rule.code)
}
